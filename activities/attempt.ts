import { ApplicationFailure, Context } from '@temporalio/activity';
import { isCrucibleError } from '../src/kernel/errors.ts';
import type { AttemptAnswer, AttemptAsk } from '../src/dispatch/attempts.ts';
import type { AttemptActivities } from '../workflows/protocol.ts';

/**
 * The activity that executes one attempt of a run. It is at-least-once: what makes an attempt count once stands in
 * `src/dispatch/attempts.ts`. An error means that our side failed, and Temporal tries again; what an action does wrong
 * is an answer.
 */
export const createAttemptActivities = (
  attempts: (ask: AttemptAsk) => Promise<AttemptAnswer>,
): AttemptActivities => ({
  attempt: async (request) => {
    const { info, cancellationSignal } = Context.current();
    try {
      return await attempts({
        ...request,
        temporalRunId: info.workflowExecution?.runId ?? '',
        signal: cancellationSignal,
      });
    } catch (error) {
      // The run or its event is gone: no retry brings it back.
      if (isCrucibleError(error, 'not_found'))
        throw ApplicationFailure.nonRetryable(error.message, error.code);
      throw error;
    }
  },
});
