import { Worker } from '@temporalio/worker';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Logger } from '../kernel/logger.ts';
import { TASK_QUEUE } from '../../workflows/protocol.ts';
import type { Activities } from '../../workflows/protocol.ts';
import type { WorkflowBundle } from './bundle.ts';
import type { TemporalConnection } from './connection.ts';
import { temporalUnavailable } from './failures.ts';
import { HEARTBEAT_MS, heartbeats } from './heartbeat.ts';
import type { LocalBudget } from './local-budget.ts';
import { withoutWatchdog } from './workflow-threads.ts';

export interface WorkerSlots {
  /** Workflow tasks at a time. An eager start falls back to a slow one when none is free. */
  readonly workflowTasks: number;
  /** Regular activities at a time. */
  readonly activities: number;
}

export const DEFAULT_SLOTS: WorkerSlots = { workflowTasks: 120, activities: 200 };

/** Waiting workflows that are kept in memory; others are rebuilt from history. About 1 MB each at worst. */
const CACHED_WORKFLOWS = 500;

export interface WorkerOptions {
  readonly connection: TemporalConnection;
  readonly activities: Activities;
  readonly bundle: WorkflowBundle;
  readonly taskQueue?: string;
  readonly slots?: WorkerSlots;
  /** Shared with the starter. */
  readonly localBudget?: LocalBudget;
  /** How long activities may go on after a shutdown was asked for, before they are cancelled. Default 10 s. ms */
  readonly shutdownGraceMs?: number;
  /** Whether Node watches over calls into workflow code. Default true: that is how the SDK does it. */
  readonly watchdog?: boolean;
  readonly logger: Logger;
}

/** How much a worker is at. */
export interface InFlight {
  readonly workflowTasks: number;
  readonly activities: number;
}

export interface RunningWorker {
  inFlight(): InFlight;
  /** Resolves after a shutdown; rejects when the worker can not go on. */
  readonly done: Promise<void>;
  /** Takes no more work, lets what is under way end within the grace time. Never rejects: `done` tells. */
  shutdown(): Promise<void>;
}

/**
 * Starts a worker on the connection that the starter uses.
 * @throws CrucibleError `temporal_unavailable`
 */
export const createWorker = async (options: WorkerOptions): Promise<RunningWorker> => {
  const slots = options.slots ?? DEFAULT_SLOTS;
  const { native, namespace, address } = options.connection;
  const graceMs = options.shutdownGraceMs ?? 10_000;
  const create = (): Promise<Worker> =>
    Worker.create({
      connection: native,
      namespace,
      taskQueue: options.taskQueue ?? TASK_QUEUE,
      workflowBundle: options.bundle,
      activities: options.activities,
      interceptors: { activity: [heartbeats, releasing(options.localBudget)] },
      maxConcurrentWorkflowTaskExecutions: slots.workflowTasks,
      maxConcurrentLocalActivityExecutions: localActivitySlots(slots),
      maxConcurrentActivityTaskExecutions: slots.activities,
      maxCachedWorkflows: Math.max(CACHED_WORKFLOWS, slots.workflowTasks),
      maxHeartbeatThrottleInterval: HEARTBEAT_MS,
      shutdownGraceTime: graceMs,
      shutdownForceTime: graceMs + 10_000,
    });
  let worker: Worker;
  try {
    worker = await (options.watchdog === false ? withoutWatchdog(create) : create());
  } catch (error) {
    throw temporalUnavailable('The worker could not be started', address, error);
  }
  const done = worker.run();
  const settled = done.then(
    () => undefined,
    (error: unknown) => options.logger.debug({ error }, 'the worker ended with an error'),
  );
  return {
    done,
    inFlight() {
      const { numInFlightWorkflowActivations, numInFlightActivities } = worker.getStatus();
      return { workflowTasks: numInFlightWorkflowActivations, activities: numInFlightActivities };
    },
    async shutdown() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await settled;
    },
  };
};

/** A local attempt that has ended makes room for another run's. */
const releasing =
  (budget: LocalBudget | undefined): ActivityInterceptorsFactory =>
  (context) => ({
    inbound: {
      async execute(input, next) {
        try {
          return await next(input);
        } finally {
          const workflowId = context.info.workflowExecution?.workflowId;
          if (context.info.isLocal && workflowId !== undefined) budget?.release(workflowId);
        }
      },
    },
  });

/** At most a third of the workflow-task slots, at least one. */
export const localActivitySlots = (slots: WorkerSlots): number =>
  Math.max(1, Math.floor(slots.workflowTasks / 3));
