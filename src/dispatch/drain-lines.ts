import type { DrainLines, DrainPlace } from './drain-place.ts';
import type { Drains } from './drains.ts';
import type { Starter } from './starter.ts';

/**
 * The places at the lines, in the process that pokes drains; worked from here or, over the wire, from anywhere.
 *
 * Guarantee: of two activities at one line, which there are when Temporal has taken one for dead, the older one cannot
 * put the drain to sleep: what it holds to be empty the newer one may be working.
 */
export const createDrainLines = (deps: {
  readonly drains: Pick<Drains, 'begin' | 'mark' | 'sleep' | 'end' | 'stopped'>;
  readonly starter: Pick<Starter, 'waitsBefore'>;
}): DrainLines => {
  const { drains, starter } = deps;
  /** By target, the place that was taken last, until it is left. */
  const places = new Map<string, DrainPlace>();
  return {
    take: async (target, onMove) => {
      if (!drains.begin(target, onMove)) return undefined;
      const place: DrainPlace = {
        mark: async () => drains.mark(target),
        sleep: async (mark, nextAt) => {
          const last = places.get(target);
          return (last === undefined || last === place) && drains.sleep(target, mark, nextAt);
        },
        directWaits: async (order) => starter.waitsBefore(target, order),
        leave: () => {
          drains.end(target, onMove);
          if (places.get(target) === place) places.delete(target);
        },
      };
      places.set(target, place);
      return place;
    },
    get stopped() {
      return drains.stopped;
    },
  };
};
