/** A place among the requests that may be under way to one origin. */
interface Place {
  /** The request has ended, or is not wanted any more: the next one may start. Called once. */
  leave(): void;
}

export interface Places {
  /** Calls `start` at once if there is room, else when its turn comes, unless `leave` was called before. */
  take(origin: string, start: () => void): Place;
}

/**
 * At most `limit` requests to one origin at once, first come, first served. They wait here and not in the HTTP client,
 * where a request that was given up while it waited would cost a connection of its own when its turn comes.
 */
export const createPlaces = (limit: number): Places => {
  interface Lane {
    taken: number;
    readonly waiting: Set<() => void>;
  }
  const lanes = new Map<string, Lane>();

  return {
    take(origin, start) {
      const lane = lanes.get(origin) ?? { taken: 0, waiting: new Set() };
      lanes.set(origin, lane);
      const begin = (): void => {
        lane.waiting.delete(begin);
        lane.taken += 1;
        start();
      };
      if (lane.taken < limit) begin();
      else lane.waiting.add(begin);
      return {
        leave() {
          if (lane.waiting.delete(begin)) return;
          lane.taken -= 1;
          const [next] = lane.waiting;
          if (next !== undefined) next();
          else if (lane.taken === 0) lanes.delete(origin);
        },
      };
    },
  };
};
