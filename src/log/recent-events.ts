import type { CrucibleEvent } from '../events/envelope.ts';

/** The last committed events in memory, so that readers at the head need not ask the database for each commit. */
export interface RecentEvents {
  /** The events of one commit, and how many bytes they have as JSON. */
  add(events: readonly CrucibleEvent[], bytes: number): void;
  /** Undefined if it is not (any more) kept. */
  at(position: number): CrucibleEvent | undefined;
  /** Everything after this position, in order; undefined if it reaches back further than what is kept. */
  after(position: number): readonly CrucibleEvent[] | undefined;
}

interface Group {
  readonly first: number;
  readonly events: readonly CrucibleEvent[];
  readonly bytes: number;
}

/**
 * Keeps the last commits: at least `events` events if they fit into `bytes`, and never more bytes than that. Whole
 * commits come and go, so what is kept is always one piece that ends at the head.
 */
export const createRecentEvents = (limits: {
  readonly events: number;
  readonly bytes: number;
}): RecentEvents => {
  let kept: Group[] = [];
  let count = 0;
  let bytes = 0;

  const tooMuch = (oldest: Group): boolean =>
    bytes > limits.bytes || count - oldest.events.length >= limits.events;

  /** The index of the group that holds this position or, past the end, of the last one; -1 before the first. */
  const indexOf = (position: number): number => {
    let low = 0;
    let high = kept.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((kept[middle]?.first ?? Infinity) <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };

  return {
    add(events, size) {
      const [first] = events;
      if (first === undefined) return;
      kept.push({ first: first.position, events, bytes: size });
      count += events.length;
      bytes += size;
      let drop = 0;
      for (let oldest = kept[drop]; oldest !== undefined && tooMuch(oldest); oldest = kept[drop]) {
        count -= oldest.events.length;
        bytes -= oldest.bytes;
        drop += 1;
      }
      if (drop > 0) kept = kept.slice(drop);
    },
    at(position) {
      const group = kept[indexOf(position)];
      return group?.events[position - group.first];
    },
    after(position) {
      const start = indexOf(position + 1);
      if (start < 0) return undefined;
      return kept
        .slice(start)
        .flatMap(({ first, events }) => (first > position ? events : events.slice(position + 1 - first)));
    },
  };
};
