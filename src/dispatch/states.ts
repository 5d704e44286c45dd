import type { RunState } from './run.ts';

/**
 * The states of a run and where each may go.
 *
 *     pending ──> running ──> succeeded | denied | failed | dead | skipped | cancelled   (final)
 *        │  ^        │  ^
 *        v  │        v  │
 *       held         retrying
 *
 * A run that ends within its first moments is never written as `running`: its first ledger write carries it from
 * `pending` to where it ended, with `started_at` set. Final rows go back to `pending` only by replay, under the next
 * generation.
 */
const NEXT: Readonly<Record<RunState, readonly RunState[]>> = {
  pending: ['running', 'held', 'skipped', 'failed', 'cancelled'],
  held: ['pending', 'running', 'skipped', 'failed', 'cancelled'],
  running: ['succeeded', 'denied', 'retrying', 'pending', 'skipped', 'failed', 'dead', 'cancelled'],
  retrying: ['running', 'failed', 'dead', 'skipped', 'cancelled'],
  succeeded: ['pending'],
  denied: ['pending'],
  failed: ['pending'],
  dead: ['pending'],
  skipped: ['pending'],
  cancelled: ['pending'],
};

/** Whether the table of states allows this step, `running` in between included for a first attempt. */
export const allows = (from: RunState, to: RunState): boolean =>
  NEXT[from].includes(to) || (isExecuting(from) && NEXT.running.includes(to));

/** The states in which nothing more happens in a generation. */
export const FINAL_STATES = [
  'succeeded',
  'denied',
  'failed',
  'dead',
  'skipped',
  'cancelled',
] as const satisfies readonly RunState[];

/** Whether nothing more happens in this generation. */
export const isFinal = (state: RunState): boolean => (FINAL_STATES as readonly RunState[]).includes(state);

/** The states in which an attempt may be recorded. */
export const EXECUTING = ['pending', 'running', 'retrying'] as const satisfies readonly RunState[];

const isExecuting = (state: RunState): boolean => (EXECUTING as readonly RunState[]).includes(state);

/** From which states an attempt may carry a run to this one: the guard of its ledger write. */
export const statesBefore = (to: RunState): readonly RunState[] =>
  EXECUTING.filter((from) => allows(from, to));
