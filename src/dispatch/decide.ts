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

/** Pure: the same outcome, policy, attempt and `random` (0 to 1) give the same decision. */
export const decide = (
  outcome: ActionOutcome,
  policy: AttemptPolicy,
  attempt: number,
  random: number,
): Decision => {
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
      if (attempt >= policy.maxAttempts) return { state: 'dead', reason: outcome.code, delayMs: null };
      const scheduled = scheduledDelayMs(policy, attempt);
      const jittered = scheduled * (1 + policy.jitter * (random * 2 - 1));
      const asked = Math.min(outcome.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
      return { state: 'retrying', reason: outcome.code, delayMs: Math.round(Math.max(jittered, asked, 0)) };
    }
  }
};
