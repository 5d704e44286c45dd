import type { ClauseResult, MatchResult } from '../events/compiled.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { initialState, MAX_DEPTH } from './new-run.ts';
import type { Run, RunKind } from './run.ts';
import type { RunService } from './run-service.ts';
import type { Target } from './target.ts';
import type { TargetIndex } from './target-index.ts';

/** What a target makes of an event: how its run would begin, or that there is none. */
type Effect = 'run' | 'held' | 'skipped' | 'failed' | 'none';

/** Why one target did or did not react to one event. */
export interface Explanation {
  readonly target: string;
  readonly kind: RunKind;
  /** False: the target has been removed since, or left these worlds; only its run is known. */
  readonly exists: boolean;
  /** Whether the target as it stands now takes the event. */
  readonly matches: boolean;
  readonly effect: Effect;
  /** The one thing that decides, in words. */
  readonly because: string;
  /** World, each clause of each filter, enabled, depth, paused; empty where the target is gone. */
  readonly clauses: readonly ClauseResult[];
  /** What the event did lead to. */
  readonly run: Run | null;
  /** The run matched another definition than the present one. */
  readonly changed_since: boolean;
}

export interface Explanations {
  /**
   * In the order of the targets' ids. Those of other worlds than `worlds` do not exist for the caller.
   * @throws CrucibleError `invalid` where the one target that is asked for is not there, and left no run either
   */
  of(
    event: CrucibleEvent,
    asked: {
      readonly target?: string;
      /** undefined: every world */
      readonly worlds: readonly string[] | undefined;
      readonly after?: string;
      readonly limit: number;
    },
  ): Promise<readonly Explanation[]>;
}

const list = (names: readonly string[]): string => names.join(', ');

/** Every clause that stands between this event and a run of this target. Pure. */
const clausesOf = (
  event: CrucibleEvent,
  target: Omit<Target, 'id' | 'kind' | 'definition'>,
): readonly ClauseResult[] => [
  {
    clause: 'world',
    holds: target.worlds.includes(event.world),
    because: `the event is of the world ${event.world}, the target sees ${list(target.worlds)}`,
  },
  ...target.filters.explain(event),
  {
    clause: 'enabled',
    holds: target.enabled,
    because: target.enabled ? 'the target is enabled' : 'the target is disabled: its events are skipped',
  },
  {
    clause: 'depth',
    holds: event.depth <= MAX_DEPTH,
    because: `the event is ${event.depth} reactions deep, and ${MAX_DEPTH} are let through`,
  },
  {
    clause: 'paused',
    holds: !target.paused,
    because: target.paused ? 'the target is paused: its runs are held' : 'the target is not paused',
  },
];

const EFFECTS = { pending: 'run', held: 'held', skipped: 'skipped', failed: 'failed' } as const;

const effectOf = (event: CrucibleEvent, target: Target, match: MatchResult): Effect => {
  if (!target.worlds.includes(event.world) || match.matched === false) return 'none';
  const { state } = initialState(event, target, match);
  return state in EFFECTS ? EFFECTS[state as keyof typeof EFFECTS] : 'run';
};

/** The first clause that says no; of several filters no one decides, for any of them would have sufficed. */
const decisive = (event: CrucibleEvent, target: Target, clauses: readonly ClauseResult[]): string => {
  const broken = clauses.find(({ clause, holds }) => {
    if (holds) return false;
    return target.filters.source.length === 1 || !clause.startsWith('filters.');
  });
  if (!target.worlds.includes(event.world) || target.filters.source.length === 1)
    return broken === undefined ? 'the event does not match' : `${broken.clause}: ${broken.because}`;
  return `none of its ${target.filters.source.length} filters takes the event`;
};

const reasonOf = (
  event: CrucibleEvent,
  target: Target,
  {
    match,
    effect,
    clauses,
  }: { readonly match: MatchResult; readonly effect: Effect; readonly clauses: readonly ClauseResult[] },
  run: Run | undefined,
): string => {
  if (effect === 'none') {
    const now = decisive(event, target, clauses);
    return run === undefined ? now : `it matched as it was then; as it stands now: ${now}`;
  }
  if (match.matched === 'error') return `an expression failed: ${match.message}`;
  if (run === undefined)
    return 'the target matches as it stands now, but was registered or changed after the event was stored';
  const stopping = clauses.find(
    ({ clause, holds }) => !holds && !clause.startsWith('filters.') && effect !== 'run',
  );
  return stopping === undefined ? 'the event matches' : `${stopping.clause}: ${stopping.because}`;
};

/** Why a target, as it stands now, takes an event or not, beside the run that the event led to. Pure. */
export const explain = (event: CrucibleEvent, target: Target, run: Run | undefined): Explanation => {
  const match = target.filters.match(event);
  const effect = effectOf(event, target, match);
  const clauses = clausesOf(event, target);
  return {
    target: target.id,
    kind: target.kind,
    exists: true,
    matches: effect !== 'none' && match.matched === true,
    effect,
    because: reasonOf(event, target, { match, effect, clauses }, run),
    clauses,
    run: run ?? null,
    changed_since: run !== undefined && run.definition !== target.definition,
  };
};

const explainGone = (run: Run): Explanation => ({
  target: run.target,
  kind: run.kind,
  exists: false,
  matches: false,
  effect: 'none',
  because: 'the target has been removed since, or left these worlds; it matched as it was then',
  clauses: [],
  run,
  changed_since: true,
});

/** Explains stored events by the targets that hold now, and by the runs in the ledger. */
export const createExplanations = ({
  targets,
  runs,
}: {
  readonly targets: () => Pick<TargetIndex, 'get' | 'all'>;
  readonly runs: Pick<RunService, 'ofEvent'>;
}): Explanations => ({
  of: async (event, { target: asked, worlds, after, limit }) => {
    const isSeen = (target: Target): boolean =>
      worlds === undefined || target.worlds.some((world) => worlds.includes(world));
    const index = targets();
    const known = asked === undefined ? index.all() : [index.get(asked) ?? []].flat();
    const seen = new Map(known.filter(isSeen).map((target) => [target.id, target]));
    const left = new Map(
      (await runs.ofEvent(event.position))
        .filter((run) => asked === undefined || run.target === asked)
        .map((run) => [run.target, run]),
    );
    const ids = [...new Set([...seen.keys(), ...left.keys()])]
      .filter((id) => after === undefined || id > after)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .slice(0, limit);
    if (asked !== undefined && ids.length === 0 && after === undefined)
      throw new CrucibleError('invalid', `There is no target ${asked}`, {
        issues: [{ path: 'target', message: `There is no target ${asked}` }],
        hint: 'write hook:<name>, webhook:<id> or agent:<world>/<id>; without a target, all are explained',
      });
    return ids.flatMap((id): readonly Explanation[] => {
      const target = seen.get(id);
      const run = left.get(id);
      if (target !== undefined) return [explain(event, target, run)];
      return run === undefined ? [] : [explainGone(run)];
    });
  },
});
