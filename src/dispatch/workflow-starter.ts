/** What dispatch needs of Temporal; `src/temporal` gives it. */
import type { Run } from './run.ts';
import type { AttemptPolicy } from './outcome.ts';

export type WorkflowState = 'running' | 'closed' | 'missing';

export interface WorkflowStarter {
  /**
   * Starts the run's workflow under its own id, eagerly where a worker of this process has room. A second start of an
   * id is refused by Temporal and counts as success.
   * @throws CrucibleError `temporal_unavailable`
   */
  start(
    run: Run,
    policy: AttemptPolicy,
  ): Promise<{ readonly temporalRunId: string; readonly started: boolean }>;
  /** @throws CrucibleError `temporal_unavailable` */
  describe(workflowId: string): Promise<WorkflowState>;
}
