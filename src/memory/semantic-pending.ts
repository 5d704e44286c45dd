import type { CrucibleEvent } from '../events/envelope.ts';

/** A memory that the index has to look at. */
interface PendingMemory {
  readonly id: string;
  /** Grows with each event: tells whether something happened while it was worked on. */
  readonly mark: number;
}

/**
 * What the index has not done yet, and so how far it has come.
 *
 * Guarantee: whatever is not pending and stands at or before `reached()` has been seen to.
 */
export interface Pending {
  /** Takes note of an event; it must not be before those that were noted before. */
  note(event: CrucibleEvent): void;
  /** All up to here is noted, or none of the index's business. */
  seen(position: number): void;
  /** Takes note of a memory that was found to lack its vector, for no event; until it is done nothing is reached. */
  add(id: string): void;
  /** The oldest ones; they stay pending. */
  first(count: number): readonly PendingMemory[];
  /** Those at which nothing happened since they were taken are pending no more. @returns whether this one is done */
  done(memory: PendingMemory): boolean;
  readonly size: number;
  /** The last position such that nothing at or before it is pending; undefined while there is none. */
  reached(): number | undefined;
}

export const createPending = (): Pending => {
  /** In the order of positions: a later event moves a memory to the end. */
  const waiting = new Map<string, { readonly position: number | undefined; readonly mark: number }>();
  let head = 0;
  let marks = 0;
  /** Those without a position. */
  let found = 0;

  const drop = (id: string): void => {
    const before = waiting.get(id);
    if (before !== undefined && before.position === undefined) found -= 1;
    waiting.delete(id);
  };

  return {
    note(event) {
      for (const id of memoriesOf(event)) {
        drop(id);
        marks += 1;
        waiting.set(id, { position: event.position, mark: marks });
      }
      head = Math.max(head, event.position);
    },
    seen(position) {
      head = Math.max(head, position);
    },
    add(id) {
      if (waiting.has(id)) return;
      marks += 1;
      found += 1;
      waiting.set(id, { position: undefined, mark: marks });
    },
    first(count) {
      const taken: PendingMemory[] = [];
      for (const [id, { mark }] of waiting) {
        if (taken.length >= count) break;
        taken.push({ id, mark });
      }
      return taken;
    },
    done({ id, mark }) {
      if (waiting.get(id)?.mark !== mark) return false;
      drop(id);
      return true;
    },
    get size() {
      return waiting.size;
    },
    reached() {
      if (found > 0) return undefined;
      const [oldest] = waiting.values();
      return oldest?.position === undefined ? head : oldest.position - 1;
    },
  };
};

/** The events after which a memory may have another text, or none. */
const TYPES: ReadonlySet<string> = new Set([
  'memory.created',
  'memory.updated',
  'memory.deleted',
  'memory.consolidated',
  'memory.pruned',
]);

/** The memories whose text an event may have changed. */
export const memoriesOf = ({ type, payload }: CrucibleEvent): readonly string[] => {
  if (!TYPES.has(type)) return [];
  const { id, ids, merged } = payload;
  return [id, ids, merged].flat().filter((value) => typeof value === 'string');
};

/** Whether its memories are gone with this event, and must not be found from here on. */
export const takesAway = ({ type }: CrucibleEvent): boolean =>
  type === 'memory.deleted' || type === 'memory.pruned';
