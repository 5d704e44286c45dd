import type { CrucibleEvent } from '../events/envelope.ts';

/** The last committed events in memory, so that readers at the head need not ask the database for each commit. */
export interface RecentEvents {
  add(events: readonly CrucibleEvent[]): void;
  /** Everything after this position, in order; undefined if it reaches back further than what is kept. */
  after(position: number): readonly CrucibleEvent[] | undefined;
}

export const createRecentEvents = (keep: number): RecentEvents => {
  let kept: (readonly CrucibleEvent[])[] = [];
  let count = 0;
  return {
    add(events) {
      if (events.length === 0) return;
      kept.push(events);
      count += events.length;
      let drop = 0;
      for (
        let oldest = kept[drop];
        oldest !== undefined && count - oldest.length >= keep;
        oldest = kept[drop]
      ) {
        count -= oldest.length;
        drop += 1;
      }
      if (drop > 0) kept = kept.slice(drop);
    },
    after(position) {
      const oldest = kept[0]?.[0];
      if (oldest === undefined || oldest.position > position + 1) return undefined;
      const start = kept.findLastIndex((events) => (events[0]?.position ?? 0) <= position + 1);
      return kept
        .slice(Math.max(0, start))
        .flatMap((events) => events.filter((event) => event.position > position));
    },
  };
};
