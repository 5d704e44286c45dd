import { CrucibleError, type Issue } from '../kernel/errors.ts';
import { canonicalJson } from '../kernel/hash.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';

const VERSION = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

/** `[major, minor, patch]` of a plain semver from 1.0.0 up; undefined for anything else, pre-releases included. */
export const versionParts = (version: string): readonly [number, number, number] | undefined => {
  const match = VERSION.exec(version);
  if (match === null) return undefined;
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map(Number);
  return major < 1 ? undefined : [major, minor, patch];
};

/** Less than 0: `a` is older than `b`. Of plain semvers. */
export const compareVersions = (a: string, b: string): number => {
  const before = versionParts(a);
  const after = versionParts(b);
  if (before === undefined || after === undefined)
    throw new CrucibleError('internal', 'a stored version is none');
  for (const [index, part] of before.entries()) {
    const difference = part - (after[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
};

/** Keywords that say something to people and nothing of values. */
const NOTES = new Set([
  '$schema',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'format',
]);
/** Keywords in which the order of the values means nothing. */
const SETS = new Set(['type', 'enum', 'required']);
/** Keywords whose value is a schema that can be compared by itself. */
const SCHEMAS = new Set([
  'items',
  'additionalProperties',
  'contains',
  'propertyNames',
  'unevaluatedProperties',
]);

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
const setOf = (value: JsonValue | undefined): readonly string[] =>
  value === undefined
    ? []
    : (Array.isArray(value) ? (value as readonly JsonValue[]) : [value]).map(canonicalJson);
const asObject = (value: JsonValue | undefined): JsonObject => (isObject(value) ? value : {});

const brokenSet = (
  keyword: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): readonly string[] => {
  const [old, next] = [setOf(before), setOf(after)];
  const gone = old.filter((value) => !next.includes(value));
  const added = next.filter((value) => !old.includes(value));
  if (keyword === 'required')
    return [
      ...added.map((name) => `${name} is required, and was not: older publishers leave it out`),
      ...gone.map((name) => `${name} is not required any more: older readers count on it`),
    ];
  return [
    ...gone.map((value) => `${value} is not allowed any more`),
    ...added.map((value) => `${value} is allowed, and was not: older readers do not know it`),
  ];
};

/**
 * What a newer schema breaks for those who go by the older one. Only a field more that may be left out, and notes for
 * people, break nothing: whoever publishes by the old one still fits, and whoever reads by it still understands. Empty:
 * nothing. Pure; paths are relative to the newer schema.
 */
export const breakingChanges = (before: JsonValue, after: JsonValue, path = ''): readonly Issue[] => {
  if (!isObject(before) || !isObject(after))
    return canonicalJson(before) === canonicalJson(after)
      ? []
      : [{ path, message: `was ${show(before)}, and is ${show(after)}` }];
  const keywords = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keywords].flatMap((keyword): readonly Issue[] => {
    if (NOTES.has(keyword)) return [];
    const at = join(path, keyword);
    const [old, next] = [before[keyword], after[keyword]];
    if (keyword === 'properties') return brokenFields(asObject(old), asObject(next), at);
    if (keyword === '$defs') {
      const kept = Object.entries(asObject(old)).filter(([name]) => Object.hasOwn(asObject(next), name));
      return kept.flatMap(([name, schema]) =>
        breakingChanges(schema, asObject(next)[name] ?? true, join(at, name)),
      );
    }
    // Of one type in a list or alone, or of several in another order.
    if (SETS.has(keyword) && (keyword === 'required' || (old !== undefined && next !== undefined)))
      return brokenSet(keyword, old, next).map((message) => ({ path: at, message }));
    if (SCHEMAS.has(keyword) && isObject(old) && isObject(next)) return breakingChanges(old, next, at);
    if (old === undefined) return [{ path: at, message: `is new: ${show(next ?? null)}` }];
    if (next === undefined) return [{ path: at, message: `is gone, and was ${show(old)}` }];
    return canonicalJson(old) === canonicalJson(next)
      ? []
      : [{ path: at, message: `was ${show(old)}, and is ${show(next)}` }];
  });
};

const brokenFields = (before: JsonObject, after: JsonObject, path: string): readonly Issue[] =>
  Object.entries(before).flatMap(([name, schema]) => {
    const next = Object.hasOwn(after, name) ? after[name] : undefined;
    return next === undefined
      ? [{ path: join(path, name), message: 'is gone: older readers count on it' }]
      : breakingChanges(schema, next, join(path, name));
  });

const show = (value: JsonValue): string => {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};
