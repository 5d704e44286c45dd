import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { Run } from './run.ts';

/** How an attempt ended. Whether to try again is a type, never read out of a message. */
export type ActionOutcome =
  | { readonly kind: 'succeeded'; readonly output?: JsonValue; readonly detail: JsonObject }
  /** The action said no: exit code 2, `decision: deny`. */
  | { readonly kind: 'denied'; readonly reason: string; readonly detail: JsonObject }
  /**
   * May pass: network, 5xx, timeout. `retryAfterMs`: not before (the receiver's `Retry-After`). `ours`: the fault is on
   * this side (resolver away, shutdown, no more handles), so the attempt counts for nothing.
   */
  | {
      readonly kind: 'retryable';
      readonly code: string;
      readonly message: string;
      readonly retryAfterMs?: number;
      readonly ours?: true;
      readonly detail: JsonObject;
    }
  /** A final answer: 4xx, a bad template. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly detail: JsonObject }
  /** `because`: the reason in words, where there is more to say than the reason itself. */
  | {
      readonly kind: 'skipped';
      readonly reason: string;
      readonly because?: string;
      readonly detail: JsonObject;
    };

export interface AttemptContext {
  readonly run: Run;
  readonly event: CrucibleEvent;
  /** The definition that the run matched, as stored under its content hash. */
  readonly definition: JsonObject;
  /** From 1 up. */
  readonly attempt: number;
  /** Stable over attempts: run id and generation. */
  readonly idempotencyKey: string;
  /** When the attempt must have ended, ms since the epoch. */
  readonly deadline: number;
  /** Aborts on cancel, on shutdown and at the deadline. */
  readonly signal: AbortSignal;
}

/** Does what a target of one kind does, once. Never throws for what an action can do wrong: that is an outcome. */
export interface Executor {
  execute(context: AttemptContext): Promise<ActionOutcome>;
  /** The retry policy and the time-out of this definition. */
  policy(definition: JsonObject): AttemptPolicy;
}

/** How often and when to try again. All times in milliseconds. */
export interface AttemptPolicy {
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly schedule:
    | { readonly kind: 'fixed'; readonly initialMs: number }
    | { readonly kind: 'linear'; readonly initialMs: number; readonly maxMs: number }
    | { readonly kind: 'exponential'; readonly initialMs: number; readonly maxMs: number }
    /** The delay before attempt n+1 is `delaysMs[n]`; attempt 1 comes after `delaysMs[0]`. */
    | { readonly kind: 'table'; readonly delaysMs: readonly number[] };
  /** The part of a delay that is random, 0 to 1. */
  readonly jitter: number;
  /** Whether the first attempt may run as a local activity: short, and cannot hang. */
  readonly local: boolean;
  /** Whether the first attempt of each run is told of as `hook.triggered`. */
  readonly traced?: boolean;
  /** How many runs of the target its drain keeps under way. Default 16. */
  readonly maxInFlight?: number;
}
