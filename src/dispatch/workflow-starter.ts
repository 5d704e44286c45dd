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

/** How the drain of a target is told that there is something to claim. */
export interface DrainPoker {
  /**
   * Starts the workflow `drain:<target>`, or signals the one that runs. The signal has no content: rows are the truth.
   * @throws CrucibleError `temporal_unavailable`
   */
  poke(target: string): Promise<void>;
}
