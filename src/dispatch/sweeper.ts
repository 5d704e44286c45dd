import type { Clock } from '../kernel/clock.ts';
import { isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { SWEEP_AFTER_MS } from './new-run.ts';
import { RUN_TABLE, type Run } from './run.ts';
import { isFinal } from './states.ts';
import { originOf, terminalEvent, type BuildEvent } from './terminal-event.ts';
import type { WorkflowStarter, WorkflowState } from './workflow-starter.ts';
import { runFrom } from './rows.ts';

const PAGE = 200;

/** What to do with a run that has not moved for a while, by what Temporal knows of its workflow. Pure. */
const sweepAction = (run: Run, workflow: WorkflowState): 'leave' | 'start' | 'settle' => {
  if (isFinal(run.state)) return 'leave';
  if (workflow === 'running') return 'leave';
  // Never started, or Temporal has lost or forgotten it: the row says that it has not ended, so it goes on.
  if (workflow === 'missing') return 'start';
  // Its workflow has closed without recording an end: an operator terminated it.
  return 'settle';
};

export interface Sweeper {
  /** One tick: at most 200 rows. @returns how many it looked at */
  tick(): Promise<number>;
}

export interface SweeperDeps {
  readonly log: Log;
  readonly workflows: WorkflowStarter;
  /** Where runs to be started go. */
  readonly enqueue: (run: Run) => void;
  readonly buildEvent: BuildEvent;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Heals what crashes and Temporal outages leave behind: looks at every unfinished run whose `sweep_at` has come.
 *
 * Guarantee: no run that is `pending`, `running` or `retrying` stays so for ever without a workflow.
 */
export const createSweeper = (deps: SweeperDeps): Sweeper => {
  const { log, clock } = deps;

  const settle = async (run: Run): Promise<void> => {
    const event = await log.at(run.event_position);
    const ending = {
      run,
      attempt: run.attempts,
      durationMs: 0,
      state: 'failed',
      reason: 'terminated',
      outcome: undefined,
    } as const;
    await log.append({
      events: event === undefined ? [] : [deps.buildEvent(terminalEvent(ending), originOf(run, event))],
      ledger: true,
      mutations: [
        {
          op: 'patch',
          table: RUN_TABLE.name,
          id: run.id,
          when: { generation: run.generation, attempts: run.attempts, state: run.state },
          set: {
            state: 'failed',
            reason: 'terminated',
            error: 'its workflow was closed from outside before it recorded an end',
            finished_at: clock.now(),
            due_at: null,
            sweep_at: null,
          },
        },
      ],
    });
  };

  const lookAgainLater = async (run: Run): Promise<void> => {
    const now = clock.now();
    await log.append({
      events: [],
      ledger: true,
      mutations: [
        {
          op: 'patch',
          table: RUN_TABLE.name,
          id: run.id,
          when: { generation: run.generation, attempts: run.attempts, state: run.state },
          set: {
            sweep_at: Math.max(now, run.due_at ?? 0) + SWEEP_AFTER_MS,
            ...(run.state === 'pending' && { state: 'running', started_at: now }),
          },
        },
      ],
    });
  };

  const look = async (run: Run): Promise<void> => {
    const workflow = run.workflow_id === null ? 'missing' : await deps.workflows.describe(run.workflow_id);
    const action = sweepAction(run, workflow);
    if (action === 'start') deps.enqueue(run);
    else if (action === 'settle') await settle(run);
    else await lookAgainLater(run);
  };

  return {
    tick: async () => {
      const rows = await log.records.byIndex({
        table: RUN_TABLE.name,
        index: 'run_sweep',
        equals: [],
        upTo: clock.now(),
        limit: PAGE,
      });
      for (const row of rows) {
        const run = runFrom(row);
        try {
          await look(run);
        } catch (error) {
          // It moved meanwhile: nothing to heal.
          if (isCrucibleError(error, 'conflict')) continue;
          deps.logger.warn(
            { run: run.id, err: messageOf(error) },
            'a run could not be swept; the next tick tries again',
          );
          if (isCrucibleError(error, 'temporal_unavailable')) break;
        }
      }
      return rows.length;
    },
  };
};
