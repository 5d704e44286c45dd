import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../log/log.ts';
import { RUN_TABLE, type Run } from './run.ts';
import { originOf, terminalEvent, type BuildEvent } from './terminal-event.ts';

/** Why a run ends without an attempt that says so: a stable word, and the same in words. */
export interface Ended {
  readonly reason: 'terminated' | 'not_startable';
  readonly error: string;
}

/**
 * Ends a run as failed outside of any attempt, with the one event that tells of it.
 * @throws CrucibleError `conflict` when it has moved on meanwhile
 */
export const createSettle =
  (deps: { readonly log: Log; readonly buildEvent: BuildEvent; readonly clock: Clock }) =>
  async (run: Run, { reason, error }: Ended): Promise<void> => {
    const event = await deps.log.at(run.event_position);
    const ending = {
      run,
      attempt: run.attempts,
      durationMs: 0,
      state: 'failed',
      reason,
      outcome: undefined,
    } as const;
    await deps.log.append({
      events: event === undefined ? [] : [deps.buildEvent(terminalEvent(ending, event), originOf(run, event))],
      ledger: true,
      mutations: [
        {
          op: 'patch',
          table: RUN_TABLE.name,
          id: run.id,
          when: { generation: run.generation, attempts: run.attempts, state: run.state },
          set: {
            state: 'failed',
            reason,
            error,
            finished_at: deps.clock.now(),
            due_at: null,
            sweep_at: null,
            claim: null,
          },
        },
      ],
    });
  };
