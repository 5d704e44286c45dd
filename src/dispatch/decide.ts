import type { ActionOutcome, AttemptPolicy } from './outcome.ts';
import type { RunState } from './run.ts';

/** What follows from an attempt: the run's next state, and when the next attempt is due, if there is one. */
export interface Decision {
  readonly state: RunState;
  /** A stable word: why the state is what it is. */
  readonly reason: string | null;
  /** Delay before the next attempt, ms; null: there is none. */
  readonly delayMs: number | null;
}

/** A receiver cannot push the next attempt further away than this. */
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * The delay before attempt `attempt + 1`, ms, without jitter. Exponential: initial, 2 × initial, 4 × initial … up to
 * `maxMs`.
 */
export const scheduledDelayMs = ({ schedule }: AttemptPolicy, attempt: number): number => {
  switch (schedule.kind) {
    case 'fixed':
      return schedule.initialMs;
    case 'linear':
      return Math.min(schedule.initialMs * attempt, schedule.maxMs);
    case 'exponential':
      return Math.min(schedule.initialMs * 2 ** Math.min(attempt - 1, 50), schedule.maxMs);
    case 'table':
      return schedule.delaysMs[attempt] ?? schedule.delaysMs.at(-1) ?? 0;
  }
};

/** How long a run outlives faults of ours, from its first attempt on: as long as the default schedule of webhooks. */
const OURS_AT_MOST_MS = 3 * 24 * 60 * 60 * 1000;
const OURS_FIRST_MS = 1_000;
const OURS_LONGEST_MS = 15 * 60 * 1000;

/** What the attempts before have come to. */
interface Before {
  /** How many of them failed by a fault of ours, and count for nothing. */
  readonly uncharged: number;
  /** Since the first attempt began. */
  readonly ageMs: number;
}

const FIRST: Before = { uncharged: 0, ageMs: 0 };

/**
 * Pure: the same outcome, policy, attempt, `random` (0 to 1) and past give the same decision. A fault of ours neither
 * uses an attempt up nor moves the schedule on; it has a schedule of its own, 1 s and doubling up to 15 min, and an end.
 */
export const decide = (
  outcome: ActionOutcome,
  policy: AttemptPolicy,
  attempt: number,
  random: number,
  { uncharged, ageMs }: Before = FIRST,
): Decision => {
  const jittered = (delayMs: number): number => delayMs * (1 + policy.jitter * (random * 2 - 1));
  switch (outcome.kind) {
    case 'succeeded':
      return { state: 'succeeded', reason: null, delayMs: null };
    case 'denied':
      // The event is committed: a post hook's own denial changes nothing and is its failure.
      return { state: 'failed', reason: 'denied', delayMs: null };
    case 'skipped':
      return { state: 'skipped', reason: outcome.reason, delayMs: null };
    case 'failed':
      return { state: 'failed', reason: outcome.code, delayMs: null };
    case 'retryable': {
      const ours = outcome.ours === true;
      const charged = attempt - uncharged;
      if (ours ? ageMs >= OURS_AT_MOST_MS : charged >= policy.maxAttempts)
        return { state: 'dead', reason: outcome.code, delayMs: null };
      const scheduled = ours
        ? Math.min(OURS_FIRST_MS * 2 ** Math.min(uncharged, 50), OURS_LONGEST_MS)
        : scheduledDelayMs(policy, charged);
      const asked = Math.min(outcome.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
      const delayMs = Math.round(Math.max(jittered(scheduled), asked, 0));
      return { state: 'retrying', reason: outcome.code, delayMs };
    }
  }
};
