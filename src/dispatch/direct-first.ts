import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../log/log.ts';
import type { DrainPlace } from './drain-place.ts';
import type { Run } from './run.ts';

/** How often something has joined the line, or may have come that was waited for. */
export interface Moves {
  readonly moves: number;
}

/** Which of the runs that were claimed must wait for runs of the target that start directly. */
export interface DirectFirst {
  mustWait(next: Run | undefined): boolean;
  /** Asks once for all of these. */
  clearFor(runs: readonly Run[]): Promise<void>;
  /** Whether asking for `next` again may bring another answer than the last time. */
  isNewQuestion(next: Run | undefined): boolean;
  /** The first of `ready` must wait: asks again, for all of them. */
  askAgain(ready: readonly Run[]): Promise<void>;
}

/** The same is asked again after this, if nothing has moved meanwhile. ms */
const ASK_AGAIN_MS = 100;

/**
 * Guarantee: a first attempt begins after those runs of its target that start directly and stand before it in the log.
 * (A replay takes up the place of its event again; it is not waited for by what was claimed before it.)
 */
export const createDirectFirst = (deps: {
  readonly log: Pick<Log, 'head' | 'settled'>;
  readonly place: Pick<DrainPlace, 'directWaits'>;
  readonly clock: Clock;
  readonly moved: Moves;
}): DirectFirst => {
  const { log, place, clock, moved } = deps;
  /** The place in the log before which no run of the target waits for its direct start. */
  let clear = '';
  /** When it was asked for again last, and for which run. */
  let asked: { readonly order: string; readonly moves: number; readonly at: number } | undefined;

  const mustWait = (next: Run | undefined): boolean =>
    next !== undefined && next.attempts === 0 && next.order > clear;

  /**
   * The answer keeps: those that start directly are known where it is given once their commit is acknowledged, which is
   * waited for here, and later commits stand behind.
   */
  const clearUpTo = async (run: Run | undefined): Promise<void> => {
    if (run === undefined || run.order <= clear) return;
    if (run.event_position > log.head()) await log.settled();
    if (!(await place.directWaits(run.order)) && run.order > clear) clear = run.order;
  };

  return {
    mustWait,
    clearFor: (runs) => clearUpTo(lastFirstAttempt(runs)),
    isNewQuestion: (next) =>
      asked === undefined ||
      asked.order !== next?.order ||
      asked.moves !== moved.moves ||
      clock.now() - asked.at >= ASK_AGAIN_MS,
    async askAgain(ready) {
      asked = { order: ready[0]?.order ?? '', moves: moved.moves, at: clock.now() };
      await clearUpTo(lastFirstAttempt(ready));
      // One of them must wait, perhaps not the first.
      if (mustWait(ready[0])) await clearUpTo(ready[0]);
    },
  };
};

/** The one that stands last in the log; a retry has had its turn. Pure. */
const lastFirstAttempt = (runs: readonly Run[]): Run | undefined => {
  let last: Run | undefined;
  for (const run of runs)
    if (run.attempts === 0 && (last === undefined || run.order > last.order)) last = run;
  return last;
};
