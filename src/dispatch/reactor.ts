import type { Clock } from '../kernel/clock.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Reactor, RegistryChange } from '../log/log.ts';
import type { Target, TargetChange } from './target.ts';
import { targetIndexOf, type TargetIndex } from './target-index.ts';
import type { Mode, ModeOf } from './mode.ts';
import { newRun } from './new-run.ts';
import { RUN_TABLE } from './run.ts';

export interface TargetReactor extends Reactor {
  /** What holds now: the targets of the last acknowledged commit. */
  targets(): TargetIndex;
  /** Sets the targets that were stored before, at start-up. */
  load(targets: readonly Target[]): void;
}

const NOTHING = { direct: 0, drain: 0 } as const;

const isTargetChange = (change: RegistryChange): change is TargetChange =>
  change.kind === 'target_set' || change.kind === 'target_removed';

/**
 * Matches events to targets inside the append loop and makes the rows of the runs that they cause.
 *
 * Guarantee: the rows are written in the transaction of the event, so an event and its runs exist together or not at
 * all; and a change of a target holds for the very next request, because it is staged in the order of requests.
 */
export const createTargetReactor = (deps: {
  readonly clock: Clock;
  readonly newId: NewId;
  /** Without it, everything runs directly. */
  readonly modeOf?: ModeOf;
}): TargetReactor => {
  let current = targetIndexOf([]);
  let staged = current;
  /** What the group that is being judged has come to so far, by target: the mode of the next run depends on it. */
  const inGroup = new Map<string, Readonly<Record<Mode, number>>>();
  let directOfAll = 0;

  const modeOf = (target: string): Mode => {
    const before = inGroup.get(target) ?? NOTHING;
    const mode = deps.modeOf?.(target, { ...before, directOfAll }) ?? 'direct';
    inGroup.set(target, { ...before, [mode]: before[mode] + 1 });
    if (mode === 'direct') directOfAll += 1;
    return mode;
  };
  const runDeps = { clock: deps.clock, newId: deps.newId, modeOf };

  const rowsFor = (event: CrucibleEvent): ReturnType<Reactor['react']> =>
    staged.candidates(event).flatMap((target) => {
      if (!target.worlds.includes(event.world)) return [];
      const match = target.filters.match(event);
      return match.matched === false
        ? []
        : [{ table: RUN_TABLE.name, row: newRun(event, target, match, runDeps) }];
    });

  return {
    begin: () => {
      inGroup.clear();
      directOfAll = 0;
      staged = current;
    },
    stage: (change) => {
      if (!isTargetChange(change)) throw new TypeError(`a reactor of targets cannot stage ${change.kind}`);
      staged = staged.with(change);
    },
    react: rowsFor,
    adopt: () => {
      current = staged;
    },
    discard: () => {
      staged = current;
    },
    targets: () => current,
    load: (targets) => {
      current = targetIndexOf([...current.all(), ...targets]);
      staged = current;
    },
  };
};
