import { CrucibleError } from '../kernel/errors.ts';
import { createBegunRuns, MARK_AFTER_MS } from './begun-runs.ts';
import { createBell, type Bell } from './bell.ts';
import { superseded, type Claims } from './claim.ts';
import { createDirectFirst, type Moves } from './direct-first.ts';
import type { DrainLines, DrainPlace } from './drain-place.ts';
import { createDrainedRuns, DEFAULT_IN_FLIGHT, type DrainedRunsDeps } from './drained-runs.ts';
import type { Claimer } from './line.ts';
import type { Run } from './run.ts';

export interface DrainAsk {
  readonly target: string;
  /** Counts the activities of one execution of the drain's workflow, from 1. */
  readonly sequence: number;
  /** Which execution of this activity it is, from 1: a worker that went silent is followed by another. */
  readonly execution: number;
  readonly temporalRunId: string;
  /** Aborts on cancel and shutdown. */
  readonly signal: AbortSignal;
}

export interface DrainAnswer {
  /** `again`: there may be more to claim; `due`: nothing before `delay_ms`; `asleep`: nothing. */
  readonly next: 'again' | 'due' | 'asleep';
  readonly delay_ms: number;
  /** The runs that were worked, in the order in which they began. */
  readonly run_ids: readonly string[];
}

export interface DrainWorkDeps extends DrainedRunsDeps {
  readonly claims: Claims;
  readonly lines: DrainLines;
  /** Runs of one activity, which is what its result in the history may hold. */
  readonly packMax: number;
  /** Calls `work` every `everyMs`; returns what ends it. */
  readonly every: (everyMs: number, work: () => void) => () => void;
  /** How long one activity claims, ms. Default 30 s. */
  readonly claimForMs?: number;
}

const CLAIM_FOR_MS = 30_000;

/** Runs that are claimed ahead. Few slots mean slow actions, which gain nothing by it. */
const aheadOf = (slots: number): number => (slots < 16 ? slots : Math.max(slots * 4, 512));

/** How often an activity at work says that it lives, if it has nothing else to ask. ms */
const SIGN_EVERY_MS = 5_000;

/**
 * Works the line of one target: claims, keeps its slots full, records each run as it ends, claims as it goes.
 *
 * Guarantees: a run is executed by one claimer at a time, and what is recorded is not executed again, whichever execution
 * of the activity claimed it (`claim.ts`). What earlier ones have left unfinished stands in line still. Runs begin in its
 * order, and after those of the target that start directly and stand before them in the log (`direct-first.ts`).
 *
 * States: working (claims, slots not empty) → finishing (claims no more: time is up, the pack is full, the
 * process stops, or the ledger failed) → over; working → asleep, when the line is empty and the last run has ended.
 */
export const createDrainWork = (deps: DrainWorkDeps): ((ask: DrainAsk) => Promise<DrainAnswer>) => {
  const { log, claims, lines, clock } = deps;
  const drained = createDrainedRuns(deps);
  const claimForMs = deps.claimForMs ?? CLAIM_FOR_MS;

  const work = async (ask: DrainAsk, bell: Bell, place: DrainPlace, moved: Moves): Promise<DrainAnswer> => {
    const claimer: Claimer = {
      target: ask.target,
      temporalRunId: ask.temporalRunId,
      token: `${ask.temporalRunId}.${ask.sequence}.${ask.execution}`,
    };
    const claim = await claims.open(claimer);
    const directs = createDirectFirst({ log, place, clock, moved });
    const begun = createBegunRuns(clock);
    const startedAt = clock.now();
    const worked: string[] = [];
    /** Claimed and not begun. */
    const ready: Run[] = [];
    let taken = 0;
    let failure: unknown;
    let slots = DEFAULT_IN_FLIGHT;
    /** Nothing more could be claimed when `mark` was taken; and how much had moved by then, for a look without asking. */
    let empty:
      | {
          readonly mark: number;
          readonly moves: number;
          readonly nextAt: number | null;
          readonly left: boolean;
        }
      | undefined;
    let signedAt = startedAt;

    const stopping = (): boolean =>
      failure !== undefined || ask.signal.aborted || lines.stopped || claim.lost();
    const timeIsUp = (): boolean => clock.now() - startedAt >= claimForMs;
    const mayClaim = (): boolean => !stopping() && taken < deps.packMax && (!timeIsUp() || begun.hasSlow());
    const mustWait = (): boolean => directs.mustWait(ready[0]);

    const failed = (error: unknown): void => {
      failure ??= error;
    };

    /** What is asked for while runs are worked: one such question at a time. */
    const meanwhile = (question: () => Promise<void>) => {
      let underWay = false;
      return {
        underWay: () => underWay,
        begin: (): void => {
          underWay = true;
          void question()
            .catch(failed)
            .finally(() => {
              underWay = false;
              bell.ring();
            });
        },
      };
    };

    const claiming = meanwhile(async () => {
      empty = undefined;
      const { moves } = moved;
      const mark = await place.mark();
      const room = Math.min(aheadOf(slots), deps.packMax - taken);
      const { runs, all, nextAt, left } = await claim.take(room);
      if (all) empty = { mark, moves, nextAt, left };
      const last = runs.at(-1);
      if (last !== undefined) slots = (await drained.inFlightOf(last)) ?? slots;
      taken += runs.length;
      await directs.clearFor(runs);
      ready.push(...runs);
    });

    const asking = meanwhile(() => directs.askAgain(ready));

    const begin = (run: Run): void => {
      begun.begin(run);
      void drained
        .work({
          run,
          claim,
          temporalRunId: ask.temporalRunId,
          signal: ask.signal,
          onBegin: () => worked.push(run.id),
          onExecuted: () => {
            if (begun.free(run)) bell.ring();
          },
        })
        .catch(failed)
        .finally(() => {
          begun.over(run);
          claim.over(run);
          if (empty?.left === true) empty = undefined;
          bell.ring();
        });
    };

    /** Only what takes its time is written as running: the others go to their end in one write. */
    const markSlow = async (): Promise<void> => {
      await Promise.all(
        begun.takeUnmarked().map(({ run, since }) => claim.markRunning(run, since).catch(failed)),
      );
    };

    const showLife = async (): Promise<void> => {
      if (clock.now() - signedAt < SIGN_EVERY_MS) return;
      signedAt = clock.now();
      await place.mark();
    };

    /** Nothing is under way: how the activity ends, or that it is to wait, or to go on claiming. */
    const atRest = async (): Promise<DrainAnswer | 'wait' | 'claim'> => {
      const again = { next: 'again', delay_ms: 0, run_ids: worked } as const;
      if (failure !== undefined) throw failure;
      if (claim.lost()) throw superseded(ask.target);
      if (stopping()) throw shuttingDown();
      // What was claimed stands in line still, for the next activity.
      if (mustWait()) return timeIsUp() ? again : 'wait';
      if (ready.length > 0) return 'claim';
      if (empty !== undefined) {
        const { mark, nextAt } = empty;
        if (await place.sleep(mark, nextAt)) {
          return nextAt === null
            ? { next: 'asleep', delay_ms: 0, run_ids: worked }
            : { next: 'due', delay_ms: Math.max(0, nextAt - clock.now()), run_ids: worked };
        }
      }
      return mayClaim() ? 'claim' : again;
    };

    for (;;) {
      while (ready.length > 0 && !mustWait() && begun.hasRoom(slots) && !stopping()) {
        const run = ready.shift();
        if (run !== undefined) begin(run);
      }
      if (mustWait() && !asking.underWay() && directs.isNewQuestion(ready[0]) && !stopping()) asking.begin();
      if (empty !== undefined && empty.moves !== moved.moves) empty = undefined;
      const mayHaveMore = empty === undefined || (empty.nextAt !== null && empty.nextAt <= clock.now());
      if (!claiming.underWay() && mayHaveMore && ready.length <= aheadOf(slots) / 2 && mayClaim()) {
        claiming.begin();
      }
      if (begun.size === 0 && !claiming.underWay() && !asking.underWay()) {
        const next = await atRest();
        if (typeof next === 'object') return next;
        if (next === 'claim') empty = undefined;
        else await bell.rung();
        continue;
      }
      await bell.rung();
      void markSlow();
      void showLife().catch(failed);
    }
  };

  return async (ask) => {
    const bell = createBell();
    const moved = { moves: 0 };
    const place = await lines.take(ask.target, () => {
      moved.moves += 1;
      bell.ring();
    });
    if (place === undefined) throw shuttingDown();
    ask.signal.addEventListener('abort', bell.ring, { once: true });
    // Slow attempts ring no bell: they are looked at all the same.
    const cancelTicks = deps.every(MARK_AFTER_MS, bell.ring);
    try {
      return await work(ask, bell, place, moved);
    } finally {
      cancelTicks();
      ask.signal.removeEventListener('abort', bell.ring);
      place.leave();
    }
  };
};

/** The activity fails, and Temporal gives it to the next worker, which takes over what is unfinished. */
const shuttingDown = (): CrucibleError => new CrucibleError('overloaded', 'the worker is shutting down');
