import { isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { KeyRow } from './key-row.ts';
import { KEY_TABLE } from './key-row.ts';

/** At most one write a key in this time. ms */
const EVERY_MS = 60_000;

/** What is written of the log here; `Log` is one. */
export interface LastUseLog {
  append(request: {
    readonly events: readonly [];
    readonly mutations: readonly [
      {
        readonly op: 'patch';
        readonly table: string;
        readonly id: string;
        readonly when: { readonly revoked_at: null };
        readonly set: { readonly last_used_at: number };
      },
    ];
  }): Promise<unknown>;
}

/**
 * Remembers when keys were last used. Coarse, and beside the request: nobody waits for it, and a write that does not
 * go through is tried again a minute later.
 */
export const createLastUse = (deps: {
  readonly log: LastUseLog;
  readonly now: () => number;
  readonly logger: Logger;
}): ((row: Pick<KeyRow, 'id' | 'last_used_at'>) => void) => {
  /** When a write for a key was last begun: a second request must not begin another while the first is under way. */
  const begun = new Map<string, number>();

  const write = async (id: string, at: number): Promise<void> => {
    try {
      await deps.log.append({
        events: [],
        mutations: [
          {
            op: 'patch',
            table: KEY_TABLE.name,
            id,
            when: { revoked_at: null },
            set: { last_used_at: at },
          },
        ],
      });
    } catch (error) {
      // Revoked in the meantime: its last use is history.
      if (isCrucibleError(error, 'conflict')) return;
      deps.logger.debug({ key_id: id, problem: messageOf(error) }, 'the last use of a key was not written');
    }
  };

  return ({ id, last_used_at }) => {
    const now = deps.now();
    // A clock that jumps back must not stop the writing for as long as it jumped.
    if (Math.abs(now - (begun.get(id) ?? last_used_at ?? -EVERY_MS)) < EVERY_MS) return;
    begun.set(id, now);
    void write(id, now);
  };
};
