import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import type { DrainPoker, WorkflowStarter } from '../dispatch/workflow-starter.ts';
import { drainWorkflowId } from '../dispatch/claim-key.ts';
import type { Clock } from '../kernel/clock.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { POKE_SIGNAL, TASK_QUEUE } from '../../workflows/protocol.ts';
import type { DrainInput, RunInput } from '../../workflows/protocol.ts';
import type { TemporalConnection } from './connection.ts';
import { temporalUnavailable } from './failures.ts';
import type { LocalBudget } from './local-budget.ts';
import { drainAttributes, runAttributes } from './search-attributes.ts';
import { detailsOf, runInput, summaryOf, workflowTypeOf } from './start-options.ts';

export interface StarterOptions {
  readonly clock: Clock;
  readonly taskQueue?: string;
  /** Shared with the worker of this process. Without one, a policy's `local` is always followed. */
  readonly localBudget?: LocalBudget;
  /** For one call. Default 5 s. ms */
  readonly timeoutMs?: number;
}

/**
 * A worker that dies after an eager start is missed only when its workflow task times out: soon, then. The tasks
 * themselves take milliseconds, and those that hold a local activity are extended by the SDK. ms
 */
const WORKFLOW_TASK_TIMEOUT_MS = 3_000;

/** A local attempt that has not ended this long after its own time-out never will. ms */
const LOST_AFTER_MS = 60_000;

/**
 * Starts runs' workflows. That a run starts once rests on two things: its workflow id is written on its row before
 * anything starts it, and Temporal refuses an id that it has seen, running or closed, within its retention.
 */
export const createWorkflowStarter = (
  connection: TemporalConnection,
  options: StarterOptions,
): WorkflowStarter & DrainPoker => {
  const { client, native, address } = connection;
  const timeoutMs = options.timeoutMs ?? 5_000;
  // Not by a gRPC deadline: the SDK tries again within each call, and a deadline bounds only one try.
  const bounded = <T>(call: () => Promise<T>): Promise<T> =>
    native.withAbortSignal(AbortSignal.timeout(timeoutMs), call);

  return {
    async start(run, policy) {
      const workflowId = run.workflow_id;
      if (workflowId === null)
        throw new CrucibleError('internal', `The run ${run.id} has no workflow id yet.`);
      const input = budgeted(workflowId, runInput(run, policy, options.clock.now()));
      try {
        const handle = await bounded(() =>
          client.workflow.start(workflowTypeOf(run), {
            workflowId,
            taskQueue: options.taskQueue ?? TASK_QUEUE,
            args: [input],
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            workflowIdConflictPolicy: 'FAIL',
            workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
            requestEagerStart: true,
            typedSearchAttributes: runAttributes(run),
            staticSummary: summaryOf(run),
            staticDetails: detailsOf(run),
          }),
        );
        // Another process's worker may attempt it: nobody here would tell when it has.
        if (input.local && !handle.eagerlyStarted) options.localBudget?.release(workflowId);
        return { temporalRunId: handle.firstExecutionRunId, started: true };
      } catch (error) {
        if (input.local) options.localBudget?.release(workflowId);
        if (error instanceof CrucibleError) throw error;
        if (error instanceof WorkflowExecutionAlreadyStartedError) {
          return { temporalRunId: await runIdOf(client.workflow.getHandle(workflowId)), started: false };
        }
        throw temporalUnavailable(`The workflow ${workflowId} could not be started`, address, error);
      }
    },

    async poke(target) {
      const workflowId = drainWorkflowId(target);
      const input: DrainInput = { target, worked: 0 };
      try {
        await bounded(() =>
          client.workflow.signalWithStart('drain', {
            workflowId,
            taskQueue: options.taskQueue ?? TASK_QUEUE,
            args: [input],
            signal: POKE_SIGNAL,
            signalArgs: [],
            workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
            typedSearchAttributes: drainAttributes(target),
            staticSummary: `drains ${target}`.slice(0, 120),
          }),
        );
      } catch (error) {
        throw temporalUnavailable(`The workflow ${workflowId} could not be poked`, address, error);
      }
    },

    async describe(workflowId) {
      try {
        const { status } = await bounded(() => client.workflow.getHandle(workflowId).describe());
        return status.name === 'RUNNING' || status.name === 'PAUSED' ? 'running' : 'closed';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'missing';
        throw temporalUnavailable(`The workflow ${workflowId} could not be looked up`, address, error);
      }
    },
  };

  function budgeted(workflowId: string, input: RunInput): RunInput {
    if (!input.local) return input;
    const local = options.localBudget?.take(workflowId, input.timeout_ms + LOST_AFTER_MS) ?? true;
    return { ...input, local };
  }

  async function runIdOf(handle: WorkflowHandle): Promise<string> {
    try {
      return (await bounded(() => handle.describe())).runId;
    } catch (error) {
      throw temporalUnavailable(`The workflow ${handle.workflowId} could not be looked up`, address, error);
    }
  }
};
