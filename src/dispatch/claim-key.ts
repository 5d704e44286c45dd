import type { Run } from './run.ts';

/*
 * The line in front of a target's drain is one index over one text: first the runs that are claimed and have not ended,
 * then the pending ones, both in the order of the log, then those that are due at a time, by that time. `!` sorts before
 * every digit, `~` after.
 *
 *     !000000000000041:hook:a     claimed, of the event at position 41
 *     000000000000042:hook:a      pending, of the event at position 42
 *     ~001780000000000:run_…      due at that time (ms)
 *
 * So a claim moves one entry of one index, and what a drain that is gone has left unfinished is found at the head of its
 * line. Whatever ends a run takes it out of the line.
 */

const CLAIMED = '!';
/** Past the claimed ones. */
export const CLAIMED_TO = '!~';
/** Where the due ones begin. */
export const DUE_FROM = '~';

export const claimedClaim = (order: string): string => `${CLAIMED}${order}`;

/** `order`: the run's own order key. */
export const pendingClaim = (order: string): string => order;

export const dueClaim = (dueAtMs: number, runId: string): string =>
  `${DUE_FROM}${String(Math.max(0, Math.ceil(dueAtMs))).padStart(15, '0')}:${runId}`;

export const isClaimed = (claim: string): boolean => claim.startsWith(CLAIMED);

/** When a run that stands in line may be claimed, ms; 0: at once. */
export const claimableAt = (claim: string): number =>
  claim.startsWith(DUE_FROM) ? Number(claim.slice(1, 16)) : 0;

/** Whether the run belongs to its target's drain: it waits for it, or has been claimed by it. */
export const isDrained = (run: Pick<Run, 'claim' | 'claim_token' | 'workflow_id'>): boolean =>
  run.workflow_id === null || (run.claim ?? null) !== null || run.claim_token !== null;

export const drainWorkflowId = (target: string): string => `drain:${target}`;
