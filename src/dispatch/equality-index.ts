import type { RequiredEquality, Scalar } from '../events/compiled.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { Target } from './target.ts';

/** One way in which a target may match. */
export interface Way {
  readonly target: Target;
  /** What must hold of an event that goes this way: all of them. */
  readonly equalities: readonly RequiredEquality[];
}

interface Field {
  readonly read: RequiredEquality['read'];
  readonly byValue: Map<JsonValue, Target[]>;
}

/**
 * Which targets may match an event, found by the values that they ask for: the cost is one look-up a field that any of
 * them names, however many they are. May name a target twice.
 */
export const createEqualityIndex = (ways: readonly Way[]): ((event: CrucibleEvent) => readonly Target[]) => {
  const asked = countAsked(ways);
  const always: Target[] = [];
  const fields = new Map<string, Field>();
  for (const { target, equalities } of ways) {
    const by = rarest(equalities, asked);
    if (by === undefined) {
      always.push(target);
      continue;
    }
    const field = getOrAdd(fields, by.field, () => ({ read: by.read, byValue: new Map() }));
    for (const value of by.values) getOrAdd(field.byValue, value, () => []).push(target);
  }
  if (fields.size === 0) return () => always;
  const read = [...fields.values()];
  return (event) => {
    const found = [...always];
    for (const field of read) {
      const value = field.read(event);
      const targets = value === undefined ? undefined : field.byValue.get(value);
      for (const target of targets ?? []) found.push(target);
    }
    return found;
  };
};

type Asked = ReadonlyMap<string, ReadonlyMap<Scalar, number>>;

/** How many ways ask for each value of each field. */
const countAsked = (ways: readonly Way[]): Asked => {
  const asked = new Map<string, Map<Scalar, number>>();
  for (const { equalities } of ways) {
    for (const { field, values } of equalities) {
      const counts = getOrAdd(asked, field, () => new Map<Scalar, number>());
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  return asked;
};

/** The equality that shares its values with the fewest: a hundred hooks of one tag are told apart by their owners. */
const rarest = (equalities: readonly RequiredEquality[], asked: Asked): RequiredEquality | undefined => {
  let best: RequiredEquality | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const equality of equalities) {
    const counts = asked.get(equality.field);
    const sharing = Math.max(...equality.values.map((value) => counts?.get(value) ?? 0));
    if (sharing >= fewest) continue;
    best = equality;
    fewest = sharing;
  }
  return best;
};

const getOrAdd = <Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value => {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
};
