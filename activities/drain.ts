import { Context } from '@temporalio/activity';
import type { DrainAnswer, DrainAsk } from '../src/dispatch/drain-work.ts';
import type { DrainActivities } from '../workflows/protocol.ts';

/**
 * The activity that works the line of one target. What makes it safe to execute twice stands in
 * `src/dispatch/drain-work.ts`. An error means that our side failed: Temporal tries again, and what was claimed is taken
 * over.
 */
export const createDrainActivities = (work: (ask: DrainAsk) => Promise<DrainAnswer>): DrainActivities => ({
  drain: async (request) => {
    const { info, cancellationSignal } = Context.current();
    return work({
      ...request,
      execution: info.attempt,
      temporalRunId: info.workflowExecution?.runId ?? '',
      signal: cancellationSignal,
    });
  },
});
