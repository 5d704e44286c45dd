import type { Clock } from '../kernel/clock.ts';
import { isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { SWEEP_AFTER_MS } from './new-run.ts';
import { RUN_TABLE, type Run } from './run.ts';
import { createSettle } from './settle.ts';
import { isFinal } from './states.ts';
import type { Starter } from './starter.ts';
import type { BuildEvent } from './terminal-event.ts';
import type { WorkflowStarter, WorkflowState } from './workflow-starter.ts';
import { runFrom } from './rows.ts';

const PAGE = 200;
/** Rows that are looked at together: their writes share a commit. */
const AT_A_TIME = 20;

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
  readonly starter: Pick<Starter, 'enqueue' | 'waits' | 'blocked'>;
  readonly buildEvent: BuildEvent;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Heals what crashes and Temporal outages leave behind: looks at every unfinished run whose `sweep_at` has come.
 *
 * Guarantee: no run that is `pending`, `running` or `retrying` stays so for ever without a workflow, however many others
 * wait for a place in front of it.
 */
export const createSweeper = (deps: SweeperDeps): Sweeper => {
  const { log, clock, starter } = deps;
  const settle = createSettle(deps);

  const lookAgainLater = async (run: Run, marked: JsonObject = {}): Promise<void> => {
    await log.append({
      events: [],
      ledger: true,
      mutations: [
        {
          op: 'patch',
          table: RUN_TABLE.name,
          id: run.id,
          when: { generation: run.generation, attempts: run.attempts, state: run.state },
          set: { sweep_at: Math.max(clock.now(), run.due_at ?? 0) + SWEEP_AFTER_MS, ...marked },
        },
      ],
    });
  };

  const look = async (run: Run, crowded: boolean): Promise<void> => {
    if (starter.waits(run)) {
      // It is started in its turn. Only where a page shows nothing else must it make room for the others.
      if (crowded) await lookAgainLater(run);
      return;
    }
    const workflow = run.workflow_id === null ? 'missing' : await deps.workflows.describe(run.workflow_id);
    const action = sweepAction(run, workflow);
    if (action === 'start') starter.enqueue(run);
    else if (action === 'settle') {
      const error = 'its workflow was closed from outside before it recorded an end';
      await settle(run, { state: 'failed', reason: 'terminated', error });
    } else {
      await lookAgainLater(
        run,
        run.state === 'pending' ? { state: 'running', start: null, started_at: clock.now() } : {},
      );
    }
  };

  /** @returns false: Temporal is away, so there is no use in looking at others */
  const lookSafely = async (run: Run, crowded: boolean): Promise<boolean> => {
    try {
      await look(run, crowded);
    } catch (error) {
      // It moved meanwhile: nothing to heal.
      if (isCrucibleError(error, 'conflict')) return true;
      deps.logger.warn({ run: run.id, err: messageOf(error) }, 'a run could not be swept; it is tried again');
      return !isCrucibleError(error, 'temporal_unavailable');
    }
    return true;
  };

  return {
    tick: async () => {
      // Nothing can be started or looked up at the moment.
      if (starter.blocked !== undefined) return 0;
      const rows = await log.records.byIndex({
        table: RUN_TABLE.name,
        index: 'run_sweep',
        equals: [],
        upTo: clock.now(),
        limit: PAGE,
      });
      const crowded = rows.length === PAGE;
      for (let from = 0; from < rows.length; from += AT_A_TIME) {
        const some = rows.slice(from, from + AT_A_TIME).map(runFrom);
        const went = await Promise.all(some.map((run) => lookSafely(run, crowded)));
        if (went.includes(false)) break;
      }
      return rows.length;
    },
  };
};
