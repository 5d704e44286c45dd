import type { Run } from './run.ts';

/** What a policy says of one candidate. */
export type Verdict =
  | { readonly verdict: 'take' }
  /** It stays in line, claimable again at `untilMs`; the state and the reason tell people why. */
  | { readonly verdict: 'hold'; readonly untilMs: number; readonly reason: string };

/** What a policy may look at. */
interface ClaimScene {
  /** In the order of the line. All of one target, each claimable now. */
  readonly candidates: readonly Run[];
  /** How many more runs the drain has room for. */
  readonly room: number;
  readonly nowMs: number;
}

/**
 * Decides over candidates, in their order; those that it says nothing about stay where they are. Pure: the same scene
 * gives the same verdicts. What a policy counts by key (a rate, a lane's head) it reads from rows and clock.
 */
export type ClaimPolicy = (scene: ClaimScene) => ReadonlyMap<string, Verdict>;

/** As many as there is room for, first come first served. */
export const takeInOrder: ClaimPolicy = ({ candidates, room }) =>
  new Map(candidates.slice(0, Math.max(0, room)).map((run) => [run.id, { verdict: 'take' }]));
