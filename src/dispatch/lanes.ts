import type { Run } from './run.ts';

/**
 * Pending runs in memory, one first-in-first-out lane a target. Pure bookkeeping: it starts nothing itself.
 *
 * Of each lane at most one run is being started at a time, so the runs of a target start in position order; and at most
 * `maxOpen` of its runs are started but not yet through their first attempt, and at most `laneCapacity` of them wait
 * here: a target that hangs fills its own lane and no other.
 *
 * States of a run here: waiting --take--> starting --started--> open --release--> (gone); starting --putBack--> waiting;
 * `release` takes it out of any of them.
 */
export interface Lanes {
  /** Puts a run at the end of its lane. False: no room, or it is already here. */
  add(run: Run): boolean;
  /** The next run that may start, which is starting from now on; undefined: none may. */
  take(): Run | undefined;
  /** The start went through: the run is open until `release`. */
  started(run: Run): void;
  /** The start did not go through: the run is the first of its lane again. */
  putBack(run: Run): void;
  /** The run takes no place any more: it has recorded an attempt, has ended, or is another's. */
  release(runId: string): void;
  /** The run as it was added; undefined: it is not here. */
  get(runId: string): Run | undefined;
  isOpen(runId: string): boolean;
  /** How many runs wait. */
  readonly waiting: number;
  /** How many runs of this target wait. */
  waitingOf(target: string): number;
  /** Whether a run of this target that stands before `order` in the log waits or is being started. */
  waitsBefore(target: string, order: string): boolean;
  /** How many runs of this target are here, in whatever state. */
  sizeOf(target: string): number;
  /** How many are started and open. */
  readonly open: number;
  /** How many targets have a run here. */
  readonly targets: number;
}

interface Lane {
  readonly target: string;
  readonly waiting: Run[];
  open: number;
  starting: Run | undefined;
}

interface Place {
  readonly run: Run;
  readonly lane: Lane;
  state: 'waiting' | 'starting' | 'open';
}

export interface LaneLimits {
  /** Of all lanes together. */
  readonly capacity: number;
  readonly laneCapacity: number;
  readonly maxOpen: number;
}

export const createLanes = (limits: LaneLimits): Lanes => {
  const lanes = new Map<string, Lane>();
  const places = new Map<string, Place>();
  /** The lanes whose first run may start, in the order in which they became so. */
  const ready = new Set<Lane>();
  let waiting = 0;
  let open = 0;

  const laneOf = (target: string): Lane => {
    let lane = lanes.get(target);
    if (lane === undefined) {
      lane = { target, waiting: [], open: 0, starting: undefined };
      lanes.set(target, lane);
    }
    return lane;
  };

  const update = (lane: Lane): void => {
    const may = lane.waiting.length > 0 && lane.starting === undefined && lane.open < limits.maxOpen;
    if (may) ready.add(lane);
    else ready.delete(lane);
    // Targets come and go: one that has nothing here leaves nothing behind.
    if (lane.waiting.length === 0 && lane.starting === undefined && lane.open === 0)
      lanes.delete(lane.target);
  };

  /** The start of this run is over, one way or the other. Its place, unless it was released meanwhile. */
  const startOver = (run: Run): { readonly lane: Lane; readonly place: Place | undefined } => {
    const lane = laneOf(run.target);
    lane.starting = undefined;
    const place = places.get(run.id);
    return { lane, place: place?.state === 'starting' ? place : undefined };
  };

  return {
    add: (run) => {
      if (places.has(run.id) || waiting >= limits.capacity) return false;
      const lane = laneOf(run.target);
      if (lane.waiting.length >= limits.laneCapacity) return false;
      lane.waiting.push(run);
      places.set(run.id, { run, lane, state: 'waiting' });
      waiting += 1;
      update(lane);
      return true;
    },
    take: () => {
      const [lane] = ready;
      if (lane === undefined) return undefined;
      const run = lane.waiting.shift();
      const place = run === undefined ? undefined : places.get(run.id);
      if (run === undefined || place === undefined) throw new Error('a lane that is ready has a run');
      waiting -= 1;
      lane.starting = run;
      place.state = 'starting';
      update(lane);
      return run;
    },
    started: (run) => {
      const { lane, place } = startOver(run);
      if (place !== undefined) {
        place.state = 'open';
        lane.open += 1;
        open += 1;
      }
      update(lane);
    },
    putBack: (run) => {
      const { lane, place } = startOver(run);
      if (place !== undefined) {
        place.state = 'waiting';
        lane.waiting.unshift(run);
        waiting += 1;
      }
      update(lane);
    },
    release: (runId) => {
      const place = places.get(runId);
      if (place === undefined) return;
      const { lane } = place;
      places.delete(runId);
      if (place.state === 'open') {
        lane.open -= 1;
        open -= 1;
      } else if (place.state === 'waiting') {
        lane.waiting.splice(
          lane.waiting.findIndex((run) => run.id === runId),
          1,
        );
        waiting -= 1;
      }
      update(lane);
    },
    get: (runId) => places.get(runId)?.run,
    isOpen: (runId) => places.get(runId)?.state === 'open',
    get waiting() {
      return waiting;
    },
    waitingOf: (target) => lanes.get(target)?.waiting.length ?? 0,
    waitsBefore: (target, order) => {
      const lane = lanes.get(target);
      return [lane?.starting, lane?.waiting[0]].some((run) => run !== undefined && run.order < order);
    },
    sizeOf: (target) => {
      const lane = lanes.get(target);
      return lane === undefined ? 0 : lane.waiting.length + lane.open + (lane.starting === undefined ? 0 : 1);
    },
    get open() {
      return open;
    },
    get targets() {
      return lanes.size;
    },
  };
};
