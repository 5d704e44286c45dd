import type { Clock } from '../kernel/clock.ts';
import { isCrucibleError, messageOf, type CrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Committed, Log } from '../log/log.ts';
import type { Policies } from './policies.ts';
import { isDrained } from './claim-key.ts';
import { createLanes } from './lanes.ts';
import { SWEEP_AFTER_MS } from './new-run.ts';
import { createSettle } from './settle.ts';
import { isFinal } from './states.ts';
import type { BuildEvent } from './terminal-event.ts';
import { RUN_TABLE, type Run } from './run.ts';
import type { WorkflowStarter } from './workflow-starter.ts';
import { runFrom } from './rows.ts';

/** Starts at once, over all targets. */
const MAX_STARTING = 16;
/** Rows that wait in memory; past that they wait in the store alone, and are read when there is room. */
const CAPACITY = 50_000;
/** Of these, rows of one target. */
const LANE_CAPACITY = 2_000;
/** A target's rows are read from the store when so few of them wait in memory. */
const REFILL_BELOW = 200;
/** Runs of one target that are started and not through their first attempt. */
const MAX_OPEN = 8;
/** When so many wait for their start, over all targets, each may have one here: the next ones are cheaper in its drain. */
const BUSY = 64;
const PAGE = 500;
/** How long a run may go before its row says `running`. */
const MARK_AFTER_MS = 100;
/** When pending rows could not be read, they are read again after this. */
const READ_AGAIN_MS = 1_000;

export interface Starter {
  /** Given every commit: starts the runs that it wrote. */
  committed(committed: Committed): void;
  /** A run that the sweeper found without a workflow. */
  enqueue(run: Run): void;
  /** Whether the run will be started in its turn, from memory or from the store, or is being started. */
  waits(run: Run): boolean;
  /** Reads all pending rows and starts them: at start-up, and after the lanes were full. */
  catchUp(): void;
  /** Starts no more, and waits for the starts under way. */
  stop(): Promise<void>;
  readonly waiting: number;
  readonly open: number;
  /**
   * How many more runs of this target may come here: the others are for its drain.
   * @param coming how many of all targets are about to
   */
  roomFor(target: string, coming: number): number;
  /** Whether a run of this target that stands before `order` in the log still waits for its start here. */
  waitsBefore(target: string, order: string): boolean;
  /** Why nothing starts at the moment; undefined: all is well. */
  readonly blocked: string | undefined;
}

/** Pending rows that are being read from the store. */
interface Scan {
  /** Whether rows of this target are read. */
  readonly covers: (target: string) => boolean;
  /** New runs of these targets, which come after what is read. */
  readonly arrived: Run[];
}

export interface StarterDeps {
  readonly log: Log;
  readonly workflows: WorkflowStarter;
  readonly policies: Policies;
  readonly buildEvent: BuildEvent;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs `work` after `delayMs`; returns what cancels it. */
  readonly after: (delayMs: number, work: () => void) => () => void;
  /** Told when a run of the target waits for its start no longer, however that came. */
  readonly onStarted?: (target: string) => void;
}

/**
 * Starts the workflow of every pending run.
 *
 * Guarantee: every matched run starts once. The row was written with its event; its workflow id is fixed; a second start
 * of that id is refused by Temporal and counts as success. So starting too often is harmless, and what is never started
 * here (a crash, a full lane) is found again by `catchUp` or by the sweeper. Runs of one target start in position order.
 *
 * States: idle → starting (lanes are not empty) → blocked (Temporal is away; tries again with growing pauses) → starting.
 */
export const createStarter = (deps: StarterDeps): Starter => {
  const { log, workflows, logger } = deps;
  const settle = createSettle(deps);
  const lanes = createLanes({ capacity: CAPACITY, laneCapacity: LANE_CAPACITY, maxOpen: MAX_OPEN });
  const starting = new Set<Promise<void>>();
  const marks = new Map<string, () => void>();
  let stopped = false;
  let blocked: string | undefined;
  let pauseMs = 0;
  let cancelPause: (() => void) | undefined;
  /** The targets of which rows wait in the store that are not in their lanes. */
  const overflowed = new Set<string>();
  let scan: Scan | undefined;
  let reading: Promise<void> | undefined;
  let cancelReadPause: (() => void) | undefined;

  const pump = (): void => {
    while (!stopped && blocked === undefined && starting.size < MAX_STARTING) {
      const run = lanes.take();
      if (run === undefined) break;
      const start = startOne(run).finally(() => {
        starting.delete(start);
        deps.onStarted?.(run.target);
        pump();
      });
      starting.add(start);
    }
    refill();
  };

  /** The targets whose rows wait in the store although there is room for them again. */
  const refill = (): void => {
    if (overflowed.size === 0 || scan !== undefined || lanes.waiting > CAPACITY - LANE_CAPACITY) return;
    const targets = new Set([...overflowed].filter((target) => lanes.waitingOf(target) < REFILL_BELOW));
    if (targets.size > 0) startScan((target) => targets.has(target));
  };

  const startOne = async (run: Run): Promise<void> => {
    try {
      const policy = await deps.policies.of(run);
      const { temporalRunId, started } = await workflows.start(run, policy);
      pauseMs = 0;
      lanes.started(run);
      // Started before, by a process that is gone perhaps, it is on its way or over; and after its first attempt it may
      // sleep for hours. Neither takes a place here.
      if (!started || run.attempts > 0) release(run.id);
      markLater(run, temporalRunId);
    } catch (error) {
      if (isOfThisRun(error)) {
        await giveUp(run, error);
        return;
      }
      lanes.putBack(run);
      if (!stopped) pause(error);
    }
  };

  /** What is wrong with one run must not keep the others from starting. */
  const giveUp = async (run: Run, cause: CrucibleError): Promise<void> => {
    logger.error({ run: run.id, err: cause.message }, 'a run can never be started; it fails');
    try {
      await settle(run, { state: 'failed', reason: 'not_startable', error: cause.message });
    } catch (error) {
      if (!isCrucibleError(error, 'conflict'))
        logger.warn({ run: run.id, err: messageOf(error) }, 'a run could not be ended; the sweeper comes by');
    }
    lanes.putBack(run);
    release(run.id);
  };

  const pause = (error: unknown): void => {
    pauseMs = Math.min(Math.max(pauseMs * 2, 100), 5_000);
    if (blocked === undefined) {
      const level = isCrucibleError(error, 'temporal_unavailable') ? 'warn' : 'error';
      logger[level]({ err: messageOf(error), waiting: lanes.waiting }, 'runs cannot be started; they wait');
    }
    blocked = messageOf(error);
    cancelPause?.();
    cancelPause = deps.after(pauseMs, () => {
      blocked = undefined;
      pump();
    });
  };

  /** Only a run that takes its time is written as `running`: the others go to their end in one write. */
  const markLater = (run: Run, temporalRunId: string): void => {
    if (stopped || !lanes.isOpen(run.id)) return;
    const cancel = deps.after(MARK_AFTER_MS, () => {
      marks.delete(run.id);
      void mark(run, temporalRunId);
    });
    marks.set(run.id, cancel);
  };

  const mark = async (run: Run, temporalRunId: string): Promise<void> => {
    const now = deps.clock.now();
    try {
      await log.append({
        events: [],
        ledger: true,
        mutations: [
          {
            op: 'patch',
            table: RUN_TABLE.name,
            id: run.id,
            when: { state: 'pending', generation: run.generation },
            set: {
              state: 'running',
              start: null,
              started_at: now,
              temporal_run_id: temporalRunId,
              sweep_at: now + SWEEP_AFTER_MS,
            },
          },
        ],
      });
    } catch (error) {
      // It has ended or moved on meanwhile; any other failure is the log's own to tell, and the sweeper comes by.
      if (!isCrucibleError(error, 'conflict'))
        logger.warn({ run: run.id, err: messageOf(error) }, 'a run could not be marked running');
    }
  };

  const enqueue = (run: Run): void => {
    // Started by us, and lost by Temporal since: it begins again from its row.
    if (lanes.isOpen(run.id)) release(run.id);
    if (!lanes.add(run) && lanes.get(run.id) === undefined) overflowed.add(run.target);
    pump();
  };

  const catchUp = (): void => startScan(() => true);

  /** Reads the pending rows of these targets into their lanes. One scan at a time; a refill that is still due follows. */
  const startScan = (covers: (target: string) => boolean): void => {
    if (scan !== undefined || stopped) return;
    const started: Scan = { covers, arrived: [] };
    scan = started;
    for (const target of overflowed) if (covers(target)) overflowed.delete(target);
    reading = readInto(started);
  };

  const readInto = async (current: Scan): Promise<void> => {
    try {
      await readPending(current.covers);
    } catch (error) {
      if (stopped) return;
      logger.error({ err: messageOf(error) }, 'pending runs could not be read; they are read again');
      cancelReadPause = deps.after(READ_AGAIN_MS, () => {
        reading = readInto(current);
      });
      return;
    }
    scan = undefined;
    for (const run of current.arrived) admit(run);
    pump();
  };

  const readPending = async (covers: Scan['covers']): Promise<void> => {
    /** Behind its first row without room, all rows of a target wait for the next time, so that its order holds. */
    const full = new Set<string>();
    let after: string | undefined;
    for (;;) {
      const rows = await log.records.byIndex({
        table: RUN_TABLE.name,
        index: 'run_start',
        equals: [],
        ...(after !== undefined && { after }),
        limit: PAGE,
      });
      for (const run of rows.map(runFrom)) {
        after = run.start ?? run.order;
        if (run.state !== 'pending') continue;
        if (!covers(run.target) || full.has(run.target) || lanes.get(run.id) !== undefined) continue;
        if (lanes.add(run)) continue;
        full.add(run.target);
        overflowed.add(run.target);
      }
      if (rows.length < PAGE || stopped) return;
      pump();
    }
  };

  /** A new run joins its lane, or waits in the store behind those of its target that wait there. */
  const admit = (run: Run): void => {
    if (overflowed.has(run.target) || lanes.get(run.id) !== undefined) return;
    if (!lanes.add(run)) overflowed.add(run.target);
  };

  const release = (runId: string): void => {
    marks.get(runId)?.();
    marks.delete(runId);
    lanes.release(runId);
  };

  const follow = (run: Run): void => {
    const known = lanes.get(run.id);
    const movedOn =
      known !== undefined && (run.attempts > known.attempts || run.generation > known.generation);
    if (movedOn || isFinal(run.state)) release(run.id);
    if (run.state !== 'pending' || isDrained(run) || lanes.get(run.id) !== undefined) return;
    if (scan?.covers(run.target) === true) {
      // Behind those that are being read.
      if (scan.arrived.length < LANE_CAPACITY) scan.arrived.push(run);
      else overflowed.add(run.target);
      return;
    }
    admit(run);
  };

  return {
    committed: ({ reactions, changed }) => {
      for (const { table, row } of [...reactions, ...changed]) {
        if (table === RUN_TABLE.name) follow(runFrom(row));
      }
      pump();
    },
    enqueue,
    waits: (run) => {
      if (lanes.get(run.id) !== undefined) return !lanes.isOpen(run.id);
      return (
        run.state === 'pending' &&
        !isDrained(run) &&
        (overflowed.has(run.target) || scan?.covers(run.target) === true)
      );
    },
    catchUp,
    stop: async () => {
      stopped = true;
      cancelPause?.();
      cancelReadPause?.();
      for (const cancel of marks.values()) cancel();
      marks.clear();
      await reading;
      await Promise.all(starting);
    },
    roomFor: (target, coming) => {
      if (overflowed.has(target) || lanes.waiting >= CAPACITY) return 0;
      const most = lanes.waiting + coming >= BUSY ? 1 : MAX_OPEN;
      return most - lanes.sizeOf(target);
    },
    waitsBefore: (target, order) =>
      overflowed.has(target) || scan?.covers(target) === true || lanes.waitsBefore(target, order),
    get waiting() {
      return lanes.waiting;
    },
    get open() {
      return lanes.open;
    },
    get blocked() {
      return blocked;
    },
  };
};

/** Its definition is gone or cannot be read, or nothing here carries runs of its kind: the next try would say the same. */
const isOfThisRun = (error: unknown): error is CrucibleError =>
  isCrucibleError(error, 'not_found') || isCrucibleError(error, 'internal');
