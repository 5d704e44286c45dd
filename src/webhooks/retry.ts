import type { AttemptPolicy } from '../dispatch/outcome.ts';
import type { WebhookRetry } from './webhook.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The delay before each attempt: ten attempts over about three days. */
const DEFAULT_DELAYS_MS = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;

/** Spreads the attempts of many deliveries that failed together. */
const JITTER = 0.1;

/** For a backoff of the user's own, where nothing else is said. */
const BACKOFF_DEFAULTS = { max_attempts: 5, initial_ms: 2 * SECOND, max_ms: 24 * HOUR } as const;
const QUICK = { max_attempts: 5, initial_ms: 2 * SECOND, max_ms: 16 * SECOND } as const;

/** Reading the row and the timers of the HTTP client need a moment of the attempt's time besides the request, ms. */
const ATTEMPT_MARGIN_MS = 2_000;

/**
 * What a webhook's `retry` and `timeout_ms` come to. Pure. The attempt may take a little longer than the request, so
 * that a slow receiver is met by the request's own time-out, which is charged to it, and not by an abort, which is not.
 */
export function policyOf(retry: WebhookRetry, requestTimeoutMs: number, local: boolean): AttemptPolicy {
  const shared = { timeoutMs: requestTimeoutMs + ATTEMPT_MARGIN_MS, jitter: JITTER, local };
  if (retry.backoff === undefined && retry.preset !== 'quick') {
    return {
      ...shared,
      maxAttempts: retry.max_attempts ?? DEFAULT_DELAYS_MS.length,
      // Attempts past the table's end keep its last delay.
      schedule: { kind: 'table', delaysMs: DEFAULT_DELAYS_MS },
    };
  }
  const defaults = retry.preset === 'quick' ? QUICK : BACKOFF_DEFAULTS;
  const kind = retry.backoff ?? 'exponential';
  const initialMs = retry.initial_ms ?? defaults.initial_ms;
  const maxMs = Math.max(initialMs, retry.max_ms ?? defaults.max_ms);
  return {
    ...shared,
    maxAttempts: retry.max_attempts ?? defaults.max_attempts,
    schedule: kind === 'fixed' ? { kind, initialMs } : { kind, initialMs, maxMs },
  };
}
