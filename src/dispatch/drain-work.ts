import type { Clock } from '../kernel/clock.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import type { AttemptAnswer, AttemptAsk } from './attempts.ts';
import { superseded, type Claims } from './claim.ts';
import type { Claimer } from './line.ts';
import type { DrainLines, DrainPlace } from './drain-place.ts';
import type { AttemptPolicy } from './outcome.ts';
import type { Policies } from './policies.ts';
import type { Run } from './run.ts';
import { createSettle } from './settle.ts';
import type { BuildEvent } from './terminal-event.ts';

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

export interface DrainWorkDeps {
  readonly log: Log;
  readonly claims: Claims;
  readonly lines: DrainLines;
  readonly attempts: (ask: AttemptAsk) => Promise<AttemptAnswer>;
  readonly policies: Policies;
  readonly buildEvent: BuildEvent;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs of one activity, which is what its result in the history may hold. */
  readonly packMax: number;
  /** Calls `work` every `everyMs`; returns what ends it. */
  readonly every: (everyMs: number, work: () => void) => () => void;
  /** How long one activity claims, ms. Default 30 s. */
  readonly claimForMs?: number;
}

const CLAIM_FOR_MS = 30_000;
const DEFAULT_IN_FLIGHT = 16;
/** How long an attempt may go before its row says `running`. */
const MARK_AFTER_MS = 100;
/** Actions that have ended and wait for their commit: the more of them share one, the cheaper each is. */
const MAX_UNRECORDED = 256;

/** Runs that are claimed ahead. Few slots mean slow actions, which gain nothing by it. */
const aheadOf = (slots: number): number => (slots < 16 ? slots : Math.max(slots * 4, 512));

/** How often an activity at work says that it lives, if it has nothing else to ask. ms */
const SIGN_EVERY_MS = 5_000;

/** An attempt that takes longer than this does not keep the other slots empty at the end of an activity. ms */
const SLOW_MS = 1_000;

/**
 * Works the line of one target: claims, keeps its slots full, records each run as it ends, claims as it goes.
 *
 * Guarantees: a run is executed by one claimer at a time, and what is recorded is not executed again, whichever execution
 * of the activity claimed it. What earlier ones have left unfinished stands in line still. Runs begin in its order, and
 * after those of the target that start directly and stand before them in the log.
 *
 * States: working (claims, slots not empty) → finishing (claims no more: time is up, the pack is full, the
 * process stops, or the ledger failed) → over; working → asleep, when the line is empty and the last run has ended.
 */
export const createDrainWork = (deps: DrainWorkDeps): ((ask: DrainAsk) => Promise<DrainAnswer>) => {
  const { log, claims, lines, clock, policies } = deps;
  const settle = createSettle(deps);
  const claimForMs = deps.claimForMs ?? CLAIM_FOR_MS;

  const work = async (ask: DrainAsk, bell: Bell, place: DrainPlace, moved: Moves): Promise<DrainAnswer> => {
    const claimer: Claimer = {
      target: ask.target,
      temporalRunId: ask.temporalRunId,
      token: `${ask.temporalRunId}.${ask.sequence}.${ask.execution}`,
    };
    const claim = await claims.open(claimer);
    const startedAt = clock.now();
    const worked: string[] = [];
    /** Begun and not over, with the time of its begin. */
    const open = new Map<string, { readonly run: Run; readonly since: number }>();
    /** Of these, the ones whose action holds a slot: the record of another does not keep the next action waiting. */
    const busy = new Set<string>();
    const marked = new Set<string>();
    const ready: Run[] = [];
    let taken = 0;
    let claiming = false;
    let asking = false;
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
    /** The place in the log before which no run of the target waits for its direct start. */
    let clear = '';
    /** When it was asked for last, and for which run at the head of `ready`. */
    let asked: { readonly order: string; readonly moves: number; readonly at: number } | undefined;
    let signedAt = startedAt;

    const stopping = (): boolean =>
      failure !== undefined || ask.signal.aborted || lines.stopped || claim.lost();
    const hasSlow = (): boolean => {
      const before = clock.now() - SLOW_MS;
      for (const { since } of open.values()) if (since <= before) return true;
      return false;
    };
    const mayClaim = (): boolean =>
      !stopping() && taken < deps.packMax && (clock.now() - startedAt < claimForMs || hasSlow());

    const failed = (error: unknown): void => {
      failure ??= error;
    };

    const claimMore = async (): Promise<void> => {
      const { moves } = moved;
      const mark = await place.mark();
      const room = Math.min(aheadOf(slots), deps.packMax - taken);
      const { runs, all, nextAt, left } = await claim.take(room);
      if (all) empty = { mark, moves, nextAt, left };
      const last = runs.at(-1);
      if (last !== undefined) slots = (await inFlightOf(last)) ?? slots;
      taken += runs.length;
      await clearUpTo(lastFirstAttempt(runs));
      ready.push(...runs);
    };

    /**
     * Asks once for all runs up to this place. The answer keeps: those that start directly are known where it is given
     * once their commit is acknowledged, which is waited for here, and later commits stand behind. (A replay takes up
     * the place of its event again; it is not waited for by what was claimed before it.)
     */
    const clearUpTo = async (run: Run | undefined): Promise<void> => {
      if (run === undefined || run.order <= clear) return;
      if (run.event_position > log.head()) await log.settled();
      if (!(await place.directWaits(run.order)) && run.order > clear) clear = run.order;
    };

    /** One of those that were claimed must wait, perhaps not the next one. */
    const askAgain = async (): Promise<void> => {
      await clearUpTo(lastFirstAttempt(ready));
      if (mustWait()) await clearUpTo(ready[0]);
    };

    const inFlightOf = async (run: Run): Promise<number | undefined> => {
      try {
        return Math.max(1, (await policies.of(run)).maxInFlight ?? DEFAULT_IN_FLIGHT);
      } catch (error) {
        if (isOfThisRun(error)) return undefined;
        throw error;
      }
    };

    const runOne = async (run: Run, freeSlot: () => void): Promise<void> => {
      try {
        const policy = await policies.of(run);
        const dueAt = firstDueAt(run, policy);
        if (dueAt > clock.now()) {
          await claim.giveBack(run, dueAt);
          return;
        }
        worked.push(run.id);
        await deps.attempts({
          run_id: run.id,
          generation: run.generation,
          attempt: run.attempts + 1,
          temporalRunId: ask.temporalRunId,
          claim,
          signal: ask.signal,
          onExecuted: freeSlot,
        });
      } catch (error) {
        if (!isOfThisRun(error)) throw error;
        await endBadly(run, error);
      }
    };

    /** Only what takes its time is written as running: the others go to their end in one write. */
    const markSlow = async (): Promise<void> => {
      const nowMs = clock.now();
      const slow = [...busy].flatMap((id) => {
        const known = open.get(id);
        return known === undefined || marked.has(id) || nowMs - known.since < MARK_AFTER_MS ? [] : [known];
      });
      for (const { run } of slow) marked.add(run.id);
      await Promise.all(slow.map(({ run, since }) => claim.markRunning(run, since).catch(failed)));
    };

    /** What is wrong with one run must not keep the others from running. */
    const endBadly = async (run: Run, cause: CrucibleError): Promise<void> => {
      deps.logger.error({ run: run.id, err: cause.message }, 'a run can never be executed; it fails');
      try {
        await settle(run, { state: 'failed', reason: 'not_startable', error: cause.message });
      } catch (error) {
        // It has moved on meanwhile.
        if (!isCrucibleError(error, 'conflict')) throw error;
      }
    };

    /** Runs of the target that start directly may come before the next one; a retry has had its turn. */
    const mustWait = (): boolean => {
      const [next] = ready;
      return next !== undefined && next.attempts === 0 && next.order > clear;
    };

    /** The answer may be another one than the last time. */
    const isNewQuestion = (): boolean =>
      asked === undefined ||
      asked.order !== ready[0]?.order ||
      asked.moves !== moved.moves ||
      clock.now() - asked.at >= MARK_AFTER_MS;

    const showLife = async (): Promise<void> => {
      if (clock.now() - signedAt < SIGN_EVERY_MS) return;
      signedAt = clock.now();
      await place.mark();
    };

    for (;;) {
      while (
        ready.length > 0 &&
        !mustWait() &&
        busy.size < slots &&
        open.size < slots + MAX_UNRECORDED &&
        !stopping()
      ) {
        const run = ready.shift();
        if (run === undefined) break;
        open.set(run.id, { run, since: clock.now() });
        busy.add(run.id);
        const freeSlot = (): void => {
          if (busy.delete(run.id)) bell.ring();
        };
        void runOne(run, freeSlot)
          .catch(failed)
          .finally(() => {
            open.delete(run.id);
            busy.delete(run.id);
            claim.over(run);
            if (empty?.left === true) empty = undefined;
            bell.ring();
          });
      }
      if (mustWait() && !asking && isNewQuestion() && !stopping()) {
        asking = true;
        asked = { order: ready[0]?.order ?? '', moves: moved.moves, at: clock.now() };
        void askAgain()
          .catch(failed)
          .finally(() => {
            asking = false;
            bell.ring();
          });
      }
      if (empty !== undefined && empty.moves !== moved.moves) empty = undefined;
      const dueNow = empty?.nextAt !== null && empty !== undefined && empty.nextAt <= clock.now();
      if (!claiming && (empty === undefined || dueNow) && ready.length <= aheadOf(slots) / 2 && mayClaim()) {
        claiming = true;
        empty = undefined;
        void claimMore()
          .catch(failed)
          .finally(() => {
            claiming = false;
            bell.ring();
          });
      }
      if (open.size === 0 && !claiming && !asking) {
        if (failure !== undefined) throw failure;
        if (claim.lost()) throw superseded(ask.target);
        if (stopping()) throw shuttingDown();
        if (ready.length === 0) {
          if (empty !== undefined) {
            const { mark, nextAt } = empty;
            if (await place.sleep(mark, nextAt)) {
              return nextAt === null
                ? { next: 'asleep', delay_ms: 0, run_ids: worked }
                : { next: 'due', delay_ms: Math.max(0, nextAt - clock.now()), run_ids: worked };
            }
          }
          if (!mayClaim()) return { next: 'again', delay_ms: 0, run_ids: worked };
        } else if (mustWait()) {
          // What was claimed stands in line still, for the next activity.
          if (clock.now() - startedAt >= claimForMs) return { next: 'again', delay_ms: 0, run_ids: worked };
          await bell.rung();
          continue;
        }
        empty = undefined;
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

/** How often something has joined the line, or may have come that was waited for. */
interface Moves {
  readonly moves: number;
}

/** Rung by whatever moves; rings that nobody waits for are remembered as one. */
interface Bell {
  readonly ring: () => void;
  readonly rung: () => Promise<void>;
}

const createBell = (): Bell => {
  let pending = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      pending = true;
      wake?.();
    },
    rung: async () => {
      if (!pending) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
      pending = false;
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

/** A first attempt may come after a delay; 0: at once. Pure. */
const firstDueAt = (run: Run, { schedule }: AttemptPolicy): number =>
  run.attempts > 0 || schedule.kind !== 'table' ? 0 : run.created_at + (schedule.delaysMs[0] ?? 0);

/** Its event or its definition is gone or cannot be read: the next try would say the same. */
const isOfThisRun = (error: unknown): error is CrucibleError =>
  isCrucibleError(error, 'not_found') || isCrucibleError(error, 'internal');

/** The activity fails, and Temporal gives it to the next worker, which takes over what is unfinished. */
const shuttingDown = (): CrucibleError => new CrucibleError('overloaded', 'the worker is shutting down');
