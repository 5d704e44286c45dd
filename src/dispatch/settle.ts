import type { Clock } from '../kernel/clock.ts';
import type { NewEvent } from '../events/envelope.ts';
import type { Log } from '../log/log.ts';
import type { Mutation } from '../log/records.ts';
import { RUN_TABLE, type Run } from './run.ts';
import { originOf, terminalEvent, type BuildEvent } from './terminal-event.ts';

/** Why a run ends without an attempt that says so: a stable word, and the same in words. */
export type Ended =
  | { readonly state: 'failed'; readonly reason: 'terminated' | 'not_startable'; readonly error: string }
  /** Somebody has said so. */
  | { readonly state: 'cancelled'; readonly reason: 'cancelled'; readonly error: null }
  /** A claim policy has said so. */
  | { readonly state: 'skipped'; readonly reason: string; readonly error: null };

interface EndingDeps {
  readonly log: Log;
  readonly buildEvent: BuildEvent;
  readonly clock: Clock;
}

/** What ends a run outside of any attempt, with the one event that tells of it; refused when the run has moved on meanwhile. */
export const createEndings =
  (deps: EndingDeps) =>
  async (
    run: Run,
    { state, reason, error }: Ended,
  ): Promise<{
    readonly events: readonly NewEvent[];
    readonly mutations: readonly Mutation[];
    /** The row as it will be. */
    readonly ended: Run;
  }> => {
    const event = await deps.log.at(run.event_position);
    const ending = { run, attempt: run.attempts, durationMs: 0, state, reason, outcome: undefined };
    const set = {
      state,
      reason,
      error,
      finished_at: deps.clock.now(),
      due_at: null,
      sweep_at: null,
      start: null,
      claim: null,
    };
    return {
      ended: { ...run, ...set },
      events:
        event === undefined ? [] : [deps.buildEvent(terminalEvent(ending, event), originOf(run, event))],
      mutations: [
        {
          op: 'patch',
          table: RUN_TABLE.name,
          id: run.id,
          when: { generation: run.generation, attempts: run.attempts, state: run.state },
          set,
        },
      ],
    };
  };

/**
 * Ends a run outside of any attempt.
 * @throws CrucibleError `conflict` when it has moved on meanwhile
 */
export const createSettle = (deps: EndingDeps): ((run: Run, ended: Ended) => Promise<void>) => {
  const endingOf = createEndings(deps);
  return async (run, ended) => {
    const { events, mutations } = await endingOf(run, ended);
    await deps.log.append({ events, mutations, ledger: true });
  };
};
