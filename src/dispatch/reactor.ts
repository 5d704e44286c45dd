import type { Clock } from '../kernel/clock.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Reactor, RegistryChange } from '../log/log.ts';
import type { Target, TargetChange } from './target.ts';
import { emptyTargetIndex, type TargetIndex } from './target-index.ts';
import { newRun } from './new-run.ts';
import { RUN_TABLE } from './run.ts';

export interface TargetReactor extends Reactor {
  /** What holds now: the targets of the last acknowledged commit. */
  targets(): TargetIndex;
  /** Sets the targets that were stored before, at start-up. */
  load(targets: readonly Target[]): void;
}

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
}): TargetReactor => {
  let current = emptyTargetIndex();
  let staged = current;

  const rowsFor = (event: CrucibleEvent): ReturnType<Reactor['react']> =>
    staged.candidates(event.type).flatMap((target) => {
      if (!target.worlds.includes(event.world)) return [];
      const match = target.filters.match(event);
      return match.matched === false
        ? []
        : [{ table: RUN_TABLE.name, row: newRun(event, target, match, deps) }];
    });

  return {
    begin: () => {
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
      current = targets.reduce((index, target) => index.with({ kind: 'target_set', target }), current);
      staged = current;
    },
  };
};
