/** What bounds the log. */
export interface LogLimits {
  /** Events in one commit, and so in one request. A position p lies in a commit that begins in `[p - 1023, p]`. */
  readonly commitEvents: number;
  /** Bytes of events in one commit, and so in one request. */
  readonly commitBytes: number;
  /** Rows that a commit may write before it takes no further request. */
  readonly commitRows: number;
  /** Runs that one request may cause. It cannot be split, and what takes longer than a commit may ends the process. */
  readonly requestRuns: number;
  /** Events that may wait for a commit; above it callers get `overloaded`. */
  readonly queueEvents: number;
  readonly queueBytes: number;
  /** How long one commit may take before its outcome counts as unknown: 30 s embedded, 8 s on a server by default. */
  readonly commitTimeoutMs: number;
  /** How often the lease is renewed when no commit does it. */
  readonly renewEveryMs: number;
  /** How long requests wait for a lost database before they get `log_unavailable`. */
  readonly recoverWithinMs: number;
}

const MAX_COMMIT_EVENTS = 1_024;

/** The lowest position at which a commit that holds `position` may begin. */
export const earliestFirst = (position: number): number => Math.max(1, position - MAX_COMMIT_EVENTS + 1);

const DEFAULT_LIMITS: LogLimits = {
  commitEvents: MAX_COMMIT_EVENTS,
  commitBytes: 4 * 1024 * 1024,
  commitRows: 4_096,
  requestRuns: 50_000,
  queueEvents: 20_000,
  queueBytes: 64 * 1024 * 1024,
  commitTimeoutMs: 30_000,
  renewEveryMs: 3_000,
  recoverWithinMs: 5_000,
};

/** A server that hangs costs a wait only; the embedded engine's failure ends the process, so it gets more patience. */
export const limitsFor = (
  store: { readonly recoverable: boolean },
  given: Partial<LogLimits> = {},
): LogLimits => ({
  ...DEFAULT_LIMITS,
  ...(store.recoverable ? { commitTimeoutMs: 8_000 } : {}),
  ...given,
});
