import type { Run } from './run.ts';

/*
 * The line in front of a target's drain is one index over one text: first the runs that can be worked at once, in the
 * order of the log, then those that are due at a time, by that time. `~` sorts after every digit.
 *
 *     000000000000042:hook:a      of the event at position 42
 *     ~001780000000000:run_…      due at that time (ms)
 *
 * To claim a run moves nothing: what a drain that is gone has left unfinished stands where it stood. Whatever ends a run
 * takes it out of the line.
 */

/** Where the due ones begin. */
export const DUE_FROM = '~';

/** `order`: the run's own order key. */
export const pendingClaim = (order: string): string => order;

export const dueClaim = (dueAtMs: number, runId: string): string =>
  `${DUE_FROM}${String(Math.max(0, Math.ceil(dueAtMs))).padStart(15, '0')}:${runId}`;

/** When a run that stands in line may be claimed, ms; 0: at once. */
export const claimableAt = (claim: string): number =>
  claim.startsWith(DUE_FROM) ? Number(claim.slice(1, 16)) : 0;

/** Whether the run belongs to its target's drain: it waits for it, or is worked by it. */
export const isDrained = (run: Pick<Run, 'claim' | 'workflow_id'>): boolean =>
  run.workflow_id === null || (run.claim ?? null) !== null;

export const drainWorkflowId = (target: string): string => `drain:${target}`;
