import type { Run } from './run.ts';

/**
 * Pending runs in memory, one first-in-first-out lane a target. Pure bookkeeping: it starts nothing itself.
 *
 * Of each lane at most one run is being started at a time, so the runs of a target start in position order; and at most
 * `maxOpen` of its runs are started but not yet through their first attempt, so that a target that hangs fills its own
 * lane and no other.
 */
export interface Lanes {
  /** Puts a run at the end of its lane. False: no room, or it is already here. */
  add(run: Run): boolean;
  /** The next run that may start, marked as starting; undefined: none may. */
  take(): Run | undefined;
  /** The start went through: the run is open until `release`. */
  started(run: Run): void;
  /** The start did not go through: the run is the first of its lane again. */
  putBack(run: Run): void;
  /** The run has recorded an attempt, or has ended: it takes no place any more. True if it took one. */
  release(runId: string): boolean;
  has(runId: string): boolean;
  /** How many runs wait. */
  readonly waiting: number;
  /** How many are started and open. */
  readonly open: number;
}

interface Lane {
  readonly waiting: Run[];
  readonly open: Set<string>;
  starting: boolean;
}

export const createLanes = (limits: { readonly capacity: number; readonly maxOpen: number }): Lanes => {
  const lanes = new Map<string, Lane>();
  /** Run id to its lane, for every run that waits, starts or is open. */
  const known = new Map<string, Lane>();
  /** The lanes whose first run may start, in the order in which they became so. */
  const ready = new Set<Lane>();
  let waiting = 0;
  let open = 0;

  const laneOf = (target: string): Lane => {
    let lane = lanes.get(target);
    if (lane === undefined) {
      lane = { waiting: [], open: new Set(), starting: false };
      lanes.set(target, lane);
    }
    return lane;
  };

  const update = (lane: Lane): void => {
    const may = lane.waiting.length > 0 && !lane.starting && lane.open.size < limits.maxOpen;
    if (may) ready.add(lane);
    else ready.delete(lane);
  };

  return {
    add: (run) => {
      if (known.has(run.id) || waiting >= limits.capacity) return false;
      const lane = laneOf(run.target);
      lane.waiting.push(run);
      known.set(run.id, lane);
      waiting += 1;
      update(lane);
      return true;
    },
    take: () => {
      const [lane] = ready;
      if (lane === undefined) return undefined;
      const run = lane.waiting.shift();
      if (run === undefined) throw new Error('a lane that is ready has a run');
      waiting -= 1;
      lane.starting = true;
      update(lane);
      return run;
    },
    started: (run) => {
      const lane = known.get(run.id);
      if (lane === undefined) {
        // It ended before its start was acknowledged.
        const own = laneOf(run.target);
        own.starting = false;
        update(own);
        return;
      }
      lane.starting = false;
      lane.open.add(run.id);
      open += 1;
      update(lane);
    },
    putBack: (run) => {
      const lane = laneOf(run.target);
      lane.starting = false;
      lane.waiting.unshift(run);
      known.set(run.id, lane);
      waiting += 1;
      update(lane);
    },
    release: (runId) => {
      const lane = known.get(runId);
      if (lane === undefined) return false;
      if (lane.open.delete(runId)) open -= 1;
      else {
        const index = lane.waiting.findIndex((run) => run.id === runId);
        if (index >= 0) {
          lane.waiting.splice(index, 1);
          waiting -= 1;
        }
      }
      known.delete(runId);
      update(lane);
      return true;
    },
    has: (runId) => known.has(runId),
    get waiting() {
      return waiting;
    },
    get open() {
      return open;
    },
  };
};
