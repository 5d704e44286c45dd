import type { JsonObject } from '../kernel/json.ts';
import type { Run } from './run.ts';

/** What a policy says of one candidate. */
export type Verdict =
  | { readonly verdict: 'take' }
  /**
   * Not now. It stays in line, claimable again at `untilMs`; null: until something else puts it back (a resume). The
   * state `held` and the reason tell people why.
   */
  | { readonly verdict: 'hold'; readonly untilMs: number | null; readonly reason: string }
  /** Never: it ends as `skipped`, with this reason and the event that tells of it. */
  | { readonly verdict: 'skip'; readonly reason: string };

/** What a policy may look at. */
interface ClaimScene {
  /** In the order of the line. All of one target, each claimable now, none taken already. */
  readonly candidates: readonly Run[];
  /** How many more runs the drain has room for. */
  readonly room: number;
  readonly nowMs: number;
  /** By key, how many runs are claimed and not over. */
  readonly active: ReadonlyMap<string, number>;
  /** By key of the candidates, what the policy last wanted remembered: a rate's tokens, the begin of a batch. */
  readonly memory: ReadonlyMap<string, JsonObject>;
}

interface ClaimDecision {
  /** By run id. A candidate without one stays where it is, and is asked about again by the next claim. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** By key, what to remember. It is written together with what the verdicts write, before anything begins. */
  readonly memory?: ReadonlyMap<string, JsonObject>;
}

/**
 * Decides over candidates: debounce, rate limit, concurrency, batches, lanes, pause. Pure: the same scene gives the same
 * decision, which may be asked for again when it could not be written.
 */
export interface ClaimPolicy {
  /**
   * It takes whatever it is asked about, and remembers nothing. So what it takes need not be written: whoever takes the
   * line over asks it again. Of any other policy each *take* stands on the run's row before the run begins, and holds
   * until an attempt is recorded: what was begun is not held or skipped afterwards.
   */
  readonly plain?: true;
  readonly decide: (scene: ClaimScene) => ClaimDecision;
}

/** The key that a run is counted under; those without one share the empty one. */
export const keyOf = (run: Pick<Run, 'key'>): string => run.key ?? '';

/** As many as there is room for, first come first served. */
export const takeInOrder: ClaimPolicy = {
  plain: true,
  decide: ({ candidates, room }) => ({
    verdicts: new Map(candidates.slice(0, Math.max(0, room)).map((run) => [run.id, { verdict: 'take' }])),
  }),
};
