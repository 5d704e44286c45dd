import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { assertUndamaged, hashKey, sameHash } from './key-format.ts';
import type { KeyRow } from './key-row.ts';
import { KEY_CHANGED, KEY_TABLE, asKeyRow, isKeyId, principalOf, rowIdOf } from './key-row.ts';
import type { Principal } from './principal.ts';

/** What is read of the log here; `Log` is one. */
export interface KeyRecords {
  readonly records: {
    get(table: string, id: string): Promise<{ readonly id: string } | undefined>;
    list(
      table: string,
      page: { readonly after?: string; readonly limit: number },
    ): Promise<readonly { readonly id: string }[]>;
  };
  onCommit(
    listener: (committed: {
      readonly events: readonly { readonly type: string; readonly subject: string | null }[];
      readonly changed: readonly { readonly table: string; readonly row: { readonly id: string } }[];
    }) => void,
  ): () => void;
}

/** All keys, in memory: a request waits for no read, and a revoked key is refused from the very next one. */
export interface KeyRing {
  get(id: string): KeyRow | undefined;
  /** Those that were not revoked, in the order of ids. */
  list(page: { readonly after?: string }): Iterable<KeyRow>;
  /**
   * Who presents this key.
   * @throws CrucibleError `unauthenticated`: damaged, unknown, revoked or expired
   */
  authenticate(text: string): Principal;
  /** Called with the id of each key that is revoked from now on. @returns ends it */
  onRevoked(listener: (id: string) => void): () => void;
  close(): void;
}

const PAGE = 1000;

const refuse = (message: string, hint: string): CrucibleError =>
  new CrucibleError('unauthenticated', message, { hint });

/**
 * Loads the keys and follows the log from then on.
 *
 * Guarantee: what was acknowledged counts. The listener runs in the turn of the acknowledgement, so when the answer to
 * `DELETE /keys/:id` goes out, the key is dead. A server that follows another one's log sees events and no rows: it reads
 * the key that an event names, and refuses it when it cannot be read.
 */
export const openKeyRing = async (deps: {
  readonly log: KeyRecords;
  readonly now: () => number;
  readonly logger: Logger;
}): Promise<KeyRing> => {
  const rows = new Map<string, KeyRow>();
  /** The principals of keys that were used, made once. Replaced together with their rows. */
  const principals = new Map<string, Principal>();
  const listeners = new Set<(id: string) => void>();

  const adopt = (row: KeyRow): void => {
    const before = rows.get(row.id);
    rows.set(row.id, row);
    principals.delete(row.id);
    if (row.revoked_at === null || (before !== undefined && before.revoked_at !== null)) return;
    for (const listener of listeners) listener(row.id);
  };

  const reread = async (id: string): Promise<void> => {
    try {
      const row = await deps.log.records.get(KEY_TABLE.name, id);
      if (row !== undefined) adopt(asKeyRow(row));
    } catch (error) {
      rows.delete(id);
      principals.delete(id);
      deps.logger.error({ key_id: id, problem: messageOf(error) }, 'a changed key could not be read');
    }
  };

  // First the listener, then the reads: a key that changes meanwhile is newer in the map than on the page.
  const stop = deps.log.onCommit(({ events, changed }) => {
    const seen = new Set<string>();
    for (const { table, row } of changed) {
      if (table !== KEY_TABLE.name) continue;
      adopt(asKeyRow(row));
      seen.add(row.id);
    }
    for (const { type, subject } of events) {
      if (type === KEY_CHANGED && subject !== null && isKeyId(subject) && !seen.has(subject))
        void reread(subject);
    }
  });
  try {
    for (let after: string | undefined; ;) {
      const page = await deps.log.records.list(KEY_TABLE.name, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
      });
      for (const row of page) if (!rows.has(row.id)) rows.set(row.id, asKeyRow(row));
      after = page.at(-1)?.id;
      if (after === undefined || page.length < PAGE) break;
    }
  } catch (error) {
    stop();
    throw error;
  }

  return {
    get: (id) => rows.get(id),
    *list({ after = '' }) {
      const ids = [...rows.keys()].filter((id) => id > after).sort();
      for (const id of ids) {
        const row = rows.get(id);
        if (row?.revoked_at === null) yield row;
      }
    },
    authenticate(text) {
      const key = assertUndamaged(text);
      const row = rows.get(rowIdOf(key.id));
      // Of a key that is not ours nothing is said, not even whether its id exists.
      if (row === undefined || !sameHash(hashKey(text), Buffer.from(row.hash, 'hex')))
        throw refuse('The credentials are not valid', 'Ask an administrator for an API key.');
      if (row.revoked_at !== null)
        throw refuse('The API key was revoked', 'Ask an administrator for a new one.');
      if (row.expires_at !== null && row.expires_at <= deps.now())
        throw refuse('The API key has expired', 'Ask an administrator for a new one.');
      const known = principals.get(row.id) ?? principalOf(row);
      principals.set(row.id, known);
      return known;
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () => {
      stop();
      listeners.clear();
    },
  };
};
