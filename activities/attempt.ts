import { ApplicationFailure, Context } from '@temporalio/activity';
import { isCrucibleError } from '../src/kernel/errors.ts';
import type { AttemptAsk, AttemptAnswer } from '../src/dispatch/attempts.ts';
import type { AttemptActivities } from '../workflows/protocol.ts';

/** How often a regular activity says that it lives, ms. Less than half of its heartbeat time-out. */
const HEARTBEAT_MS = 5_000;

/**
 * The activity that executes one attempt of a run. It is at-least-once: what makes an attempt count once stands in
 * `src/dispatch/attempts.ts`. An error means that our side failed, and Temporal tries again; what an action does wrong
 * is an answer.
 */
export const createAttemptActivities = (
  attempts: (ask: AttemptAsk) => Promise<AttemptAnswer>,
): AttemptActivities => ({
  attempt: async (request) => {
    const context = Context.current();
    const { info } = context;
    // A local activity has no heartbeat: it is as alive as its workflow task.
    const beat = info.isLocal ? undefined : setInterval(() => context.heartbeat(), HEARTBEAT_MS);
    try {
      return await attempts({
        ...request,
        temporalRunId: info.workflowExecution?.runId ?? '',
        signal: context.cancellationSignal,
      });
    } catch (error) {
      // The run or its event is gone: no retry brings it back.
      if (isCrucibleError(error, 'not_found'))
        throw ApplicationFailure.nonRetryable(error.message, error.code);
      throw error;
    } finally {
      clearInterval(beat);
    }
  },
});
