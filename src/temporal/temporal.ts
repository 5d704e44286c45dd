import { setTimeout as delay } from 'node:timers/promises';
import type { DrainPoker, WorkflowStarter } from '../dispatch/workflow-starter.ts';
import type { Clock } from '../kernel/clock.ts';
import { CrucibleError, isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Activities } from '../../workflows/protocol.ts';
import { workflowBundle } from './bundle.ts';
import { connectTemporal } from './connection.ts';
import type { TemporalAddress, TemporalConnection } from './connection.ts';
import { ensureSearchAttributes } from './search-attributes.ts';
import { createWorkflowStarter } from './starter.ts';
import { createLocalBudget } from './local-budget.ts';
import type { LocalBudget } from './local-budget.ts';
import { DEFAULT_SLOTS, createWorker, localActivitySlots } from './worker.ts';
import type { InFlight, RunningWorker, WorkerSlots } from './worker.ts';

/*
 * connecting --connected, attributes there, worker polls--> working
 * connecting --fails--> waiting
 * working    --the worker ends by itself--> waiting     (a server that only went away and came back does not end it)
 * waiting    --back-off over--> connecting
 * any        --close--> closed
 */

export interface TemporalOptions extends TemporalAddress {
  readonly activities: Activities;
  /** For the workflow bundle; e.g. `<data>/temporal`. */
  readonly cacheDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly taskQueue?: string;
  readonly slots?: WorkerSlots;
  /** Default 10 s. ms */
  readonly shutdownGraceMs?: number;
  /** Whether Node watches over calls into workflow code (`without-watchdog.ts`). Default true. */
  readonly watchdog?: boolean;
}

export interface Temporal {
  /** Throws `temporal_unavailable` while not connected. */
  readonly starter: WorkflowStarter & DrainPoker;
  readonly state: () => 'connecting' | 'working' | 'waiting' | 'closed';
  /** Why it does not work, or why the last call failed: for readiness and doctor; undefined while all is well. */
  readonly problem: () => string | undefined;
  /** What its worker is at; nothing while it does not work. */
  inFlight(): InFlight;
  /** Resolves when it works for the first time. @throws what closed it before, or the signal's reason */
  untilWorking(signal?: AbortSignal): Promise<void>;
  /** Stops the worker within its grace time, then closes the connection. */
  close(): Promise<void>;
}

/** First and longest pause between tries to connect. ms */
const RETRY_MS = { first: 250, longest: 5_000 };

/**
 * Keeps a worker and a starter on a Temporal server for as long as the process lives. Returns at once and never gives
 * up: without Temporal, writes go on and runs wait in the ledger.
 */
export const openTemporal = (options: TemporalOptions): Temporal => {
  const { logger } = options;
  const closing = new AbortController();
  const firstWork = Promise.withResolvers<void>();
  firstWork.promise.catch(() => undefined);
  let state: ReturnType<Temporal['state']> = 'connecting';
  let problem: string | undefined;
  let current: (WorkflowStarter & DrainPoker) | undefined;
  let atWork: RunningWorker | undefined;

  const work = async (): Promise<void> => {
    const connection = await connectTemporal(options);
    let worker: RunningWorker | undefined;
    try {
      await ensureSearchAttributes(connection);
      const bundle = await workflowBundle(options);
      const localBudget = createLocalBudget(localActivitySlots(options.slots ?? DEFAULT_SLOTS), () =>
        performance.now(),
      );
      worker = await createWorker({ ...options, connection, bundle, localBudget });
      current = starterOn(connection, localBudget);
      atWork = worker;
      state = 'working';
      problem = undefined;
      logger.info({ address: options.address, namespace: options.namespace }, 'working for Temporal');
      firstWork.resolve();
      await Promise.race([worker.done, aborted(closing.signal)]);
    } finally {
      current = undefined;
      atWork = undefined;
      await worker?.shutdown();
      await connection.close();
    }
  };

  const starterOn = (
    connection: TemporalConnection,
    localBudget: LocalBudget,
  ): WorkflowStarter & DrainPoker =>
    createWorkflowStarter(connection, {
      clock: options.clock,
      localBudget,
      ...(options.taskQueue === undefined ? {} : { taskQueue: options.taskQueue }),
    });

  const loop = async (): Promise<void> => {
    let pauseMs = RETRY_MS.first;
    while (!closing.signal.aborted) {
      try {
        await work();
        if (!closing.signal.aborted) throw new Error('the worker ended by itself');
      } catch (error) {
        if (wasWorking()) pauseMs = RETRY_MS.first;
        problem = messageOf(error);
        state = 'waiting';
        const hint = isCrucibleError(error) ? error.hint : undefined;
        logger.warn({ problem, hint, pauseMs }, 'not working for Temporal; trying again');
        await delay(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined);
        pauseMs = Math.min(pauseMs * 2, RETRY_MS.longest);
        if (!closing.signal.aborted) state = 'connecting';
      }
    }
    state = 'closed';
  };

  const wasWorking = (): boolean => state === 'working';

  const connected = (): WorkflowStarter & DrainPoker => {
    if (current !== undefined) return current;
    throw new CrucibleError(
      'temporal_unavailable',
      `Temporal is not connected: ${problem ?? 'connecting'}.`,
      {
        hint: `Is the Temporal server at ${options.address} running? TEMPORAL_ADDRESS names it.`,
        retryAfterMs: RETRY_MS.first,
      },
    );
  };

  /** A connection that breaks heals itself, without a word: what the calls say is how we know. */
  const noted = async <T>(call: (starter: WorkflowStarter & DrainPoker) => Promise<T>): Promise<T> => {
    const starter = connected();
    try {
      const answer = await call(starter);
      if (starter === current) problem = undefined;
      return answer;
    } catch (error) {
      if (starter === current && isCrucibleError(error, 'temporal_unavailable')) problem = error.message;
      throw error;
    }
  };

  const ended = loop();
  return {
    starter: {
      start: (run, policy) => noted((starter) => starter.start(run, policy)),
      poke: (target) => noted((starter) => starter.poke(target)),
      describe: (workflowId) => noted((starter) => starter.describe(workflowId)),
    },
    state: () => state,
    problem: () => problem,
    inFlight: () => atWork?.inFlight() ?? { workflowTasks: 0, activities: 0 },
    untilWorking: (signal) =>
      signal === undefined ? firstWork.promise : Promise.race([firstWork.promise, rejectedOn(signal)]),
    async close() {
      firstWork.reject(new CrucibleError('temporal_unavailable', 'The connection to Temporal was closed.'));
      closing.abort();
      await ended;
    },
  };
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

const rejectedOn = async (signal: AbortSignal): Promise<never> => {
  await aborted(signal);
  throw signal.reason;
};
