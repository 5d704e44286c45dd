import type { CrucibleEvent } from '../events/envelope.ts';
import { createEqualityIndex, type Way } from './equality-index.ts';
import type { Target, TargetChange } from './target.ts';

/** Families whose events match a target only by name, never by `*`: otherwise every hook would trigger itself. */
const OWN_FAMILIES: ReadonlySet<string> = new Set(['hook', 'webhook']);

/**
 * Which targets may match an event, found by its type and by the values that their filters ask for. Immutable: `with`
 * gives the next one, so what a commit staged can be dropped by keeping the old one.
 */
export interface TargetIndex {
  get(id: string): Target | undefined;
  readonly size: number;
  all(): readonly Target[];
  /**
   * In no order that means anything, each once. A target may still not match: its filter decides. One that is not here
   * would neither match nor fail.
   */
  candidates(event: CrucibleEvent): readonly Target[];
  with(change: TargetChange): TargetIndex;
}

/** The index of these targets; of several with one id the last counts. */
export const targetIndexOf = (targets: Iterable<Target>): TargetIndex =>
  indexOf(new Map(Array.from(targets, (target) => [target.id, target] as const)));

const indexOf = (byId: ReadonlyMap<string, Target>): TargetIndex => {
  // Built on first use: a burst of changes, as at start-up, builds it once.
  let byPattern: PatternIndex | undefined;

  return {
    get: (id) => byId.get(id),
    size: byId.size,
    all: () => [...byId.values()],
    candidates: (event) => {
      const index = (byPattern ??= indexPatterns(byId.values()));
      const found = patternsOf(event.type).flatMap((pattern) => index.get(pattern)?.(event) ?? []);
      return found.length < 2 ? found : [...new Set(found)];
    },
    with: (change) => {
      const next = new Map(byId);
      if (change.kind === 'target_set') next.set(change.target.id, change.target);
      else next.delete(change.id);
      return indexOf(next);
    },
  };
};

type PatternIndex = ReadonlyMap<string, (event: CrucibleEvent) => readonly Target[]>;

const indexPatterns = (targets: Iterable<Target>): PatternIndex => {
  const ways = new Map<string, Way[]>();
  for (const target of targets) {
    for (const { pattern, equalities } of target.filters.requirements) {
      const way = { target, equalities };
      const group = ways.get(pattern);
      if (group === undefined) ways.set(pattern, [way]);
      else group.push(way);
    }
  }
  return new Map(Array.from(ways, ([pattern, group]) => [pattern, createEqualityIndex(group)] as const));
};

/** `custom.note.imported` is found by itself, by `custom.note.*`, by `custom.*` and by `*`. */
const patternsOf = (eventType: string): readonly string[] => {
  const parts = eventType.split('.');
  const wildcards = parts.slice(0, -1).map((_, index) => `${parts.slice(0, index + 1).join('.')}.*`);
  const star = OWN_FAMILIES.has(parts[0] ?? '') ? [] : ['*'];
  return [eventType, ...wildcards, ...star];
};
