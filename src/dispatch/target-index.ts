import type { Target, TargetChange } from './target.ts';

/** Families whose events match a target only by name, never by `*`: otherwise every hook would trigger itself. */
const OWN_FAMILIES: ReadonlySet<string> = new Set(['hook', 'webhook']);

/**
 * Which targets may match an event, found by its type. Immutable: `with` gives the next one, so what a commit staged
 * can be dropped by keeping the old one.
 */
export interface TargetIndex {
  get(id: string): Target | undefined;
  readonly size: number;
  all(): readonly Target[];
  /** In no order that means anything. A target may still not match: its filter decides. */
  candidates(eventType: string): readonly Target[];
  with(change: TargetChange): TargetIndex;
}

export const emptyTargetIndex = (): TargetIndex => indexOf(new Map());

const indexOf = (byId: ReadonlyMap<string, Target>): TargetIndex => {
  // Built on first use: a burst of changes, as at start-up, builds it once.
  let byPattern: Map<string, Target[]> | undefined;
  const patterns = (): Map<string, Target[]> => (byPattern ??= groupByPattern(byId.values()));

  return {
    get: (id) => byId.get(id),
    size: byId.size,
    all: () => [...byId.values()],
    candidates: (eventType) => {
      const lists = patternsOf(eventType).flatMap((pattern) => patterns().get(pattern) ?? []);
      return lists.length < 2 ? lists : [...new Set(lists)];
    },
    with: (change) => {
      const next = new Map(byId);
      if (change.kind === 'target_set') next.set(change.target.id, change.target);
      else next.delete(change.id);
      return indexOf(next);
    },
  };
};

const groupByPattern = (targets: Iterable<Target>): Map<string, Target[]> => {
  const groups = new Map<string, Target[]>();
  for (const target of targets) {
    for (const pattern of new Set(target.filters.patterns)) {
      const group = groups.get(pattern);
      if (group === undefined) groups.set(pattern, [target]);
      else group.push(target);
    }
  }
  return groups;
};

/** `custom.note.imported` is found by itself, by `custom.note.*`, by `custom.*` and by `*`. */
const patternsOf = (eventType: string): readonly string[] => {
  const parts = eventType.split('.');
  const wildcards = parts.slice(0, -1).map((_, index) => `${parts.slice(0, index + 1).join('.')}.*`);
  const star = OWN_FAMILIES.has(parts[0] ?? '') ? [] : ['*'];
  return [eventType, ...wildcards, ...star];
};
