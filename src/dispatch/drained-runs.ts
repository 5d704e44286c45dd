import type { Clock } from '../kernel/clock.ts';
import { isCrucibleError, type CrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import type { AttemptAnswer, AttemptAsk } from './attempts.ts';
import type { Claim } from './claim.ts';
import type { AttemptPolicy } from './outcome.ts';
import type { Policies } from './policies.ts';
import type { Run } from './run.ts';
import { createSettle } from './settle.ts';
import type { BuildEvent } from './terminal-event.ts';

export interface DrainedRunsDeps {
  readonly log: Log;
  readonly attempts: (ask: AttemptAsk) => Promise<AttemptAnswer>;
  readonly policies: Policies;
  readonly buildEvent: BuildEvent;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A run that was claimed, and for whom it is worked. */
interface DrainedRun {
  readonly run: Run;
  readonly claim: Claim;
  readonly temporalRunId: string;
  /** Aborts on cancel and shutdown. */
  readonly signal: AbortSignal;
  /** Its attempt is due, and begins. */
  readonly onBegin: () => void;
  /** Its action has ended; it is not recorded yet. */
  readonly onExecuted: () => void;
}

/** Works one claimed run to the record of its attempt, or puts it back in line when it is not due yet. */
export interface DrainedRuns {
  /** @throws what is wrong with more than this run: with the ledger, or with this process */
  work(asked: DrainedRun): Promise<void>;
  /** How many runs of its target may be executed at a time. undefined: what says so cannot be read for this run. */
  inFlightOf(run: Run): Promise<number | undefined>;
}

export const DEFAULT_IN_FLIGHT = 16;

export const createDrainedRuns = (deps: DrainedRunsDeps): DrainedRuns => {
  const { clock, policies, logger } = deps;
  const settle = createSettle(deps);

  /** What is wrong with one run must not keep the others from running. */
  const endBadly = async (run: Run, cause: CrucibleError): Promise<void> => {
    logger.error({ run: run.id, err: cause.message }, 'a run can never be executed; it fails');
    try {
      await settle(run, { state: 'failed', reason: 'not_startable', error: cause.message });
    } catch (error) {
      // It has moved on meanwhile.
      if (!isCrucibleError(error, 'conflict')) throw error;
    }
  };

  return {
    async work({ run, claim, temporalRunId, signal, onBegin, onExecuted }) {
      try {
        const dueAt = firstDueAt(run, await policies.of(run));
        if (dueAt > clock.now()) {
          await claim.giveBack(run, dueAt);
          return;
        }
        onBegin();
        await deps.attempts({
          run_id: run.id,
          generation: run.generation,
          attempt: run.attempts + 1,
          temporalRunId,
          claim,
          signal,
          onExecuted,
        });
      } catch (error) {
        if (!isOfThisRun(error)) throw error;
        await endBadly(run, error);
      }
    },
    async inFlightOf(run) {
      try {
        return Math.max(1, (await policies.of(run)).maxInFlight ?? DEFAULT_IN_FLIGHT);
      } catch (error) {
        if (isOfThisRun(error)) return undefined;
        throw error;
      }
    },
  };
};

/** A first attempt may come after a delay; 0: at once. Pure. */
const firstDueAt = (run: Run, { schedule }: AttemptPolicy): number =>
  run.attempts > 0 || schedule.kind !== 'table' ? 0 : run.created_at + (schedule.delaysMs[0] ?? 0);

/** Its event or its definition is gone or cannot be read: the next try would say the same. */
const isOfThisRun = (error: unknown): error is CrucibleError =>
  isCrucibleError(error, 'not_found') || isCrucibleError(error, 'internal');
