import type { Issue } from '../kernel/errors.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';

/**
 * What a JSON Schema from outside may be, so that neither compiling it nor checking a value by it takes long. The time for
 * a value is its size times the *weight* of the schema: the number of schemas in it once each local reference is written
 * out. A schema that refers to itself has no such number.
 */
const SCHEMA_LIMITS = { characters: 32_768, depth: 24, weight: 2_000 } as const;

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** They name schemas elsewhere, or make a name mean another schema: `$ref` to `#/$defs/…` is enough here. */
const REFUSED = new Set([
  '$id',
  '$anchor',
  '$dynamicRef',
  '$dynamicAnchor',
  '$recursiveRef',
  '$recursiveAnchor',
  '$vocabulary',
]);

/** Keywords whose value is data, in which nothing is a schema. */
const DATA = new Set(['const', 'enum', 'default', 'examples', 'required', 'type', 'dependentRequired']);

/** Keywords whose value is an object of schemas by names that are no keywords. */
const BY_NAME = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** `#/$defs/name`, its name as it is written in the object. */
const LOCAL_REF = /^#\/\$defs\/([A-Za-z0-9_.-]{1,100})$/;

/** Everything that is wrong with a schema before it is compiled. Paths are relative to it. Empty: nothing. */
export const schemaProblems = (schema: JsonObject): readonly Issue[] => {
  if (depthOf(schema) > SCHEMA_LIMITS.depth)
    return [{ path: '', message: `nests deeper than ${SCHEMA_LIMITS.depth} levels` }];
  const { length } = JSON.stringify(schema);
  if (length > SCHEMA_LIMITS.characters)
    return [
      { path: '', message: `has ${length} characters, and may have ${SCHEMA_LIMITS.characters} as JSON` },
    ];
  const issues: Issue[] = [];
  const definitions = isObject(schema['$defs']) ? schema['$defs'] : {};
  const weights = new Map<string, number | 'open'>();

  const weightOfRef = (ref: string, path: string): number => {
    const [, name = ''] = LOCAL_REF.exec(ref) ?? [];
    const target = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
    if (target === undefined) {
      issues.push({
        path: join(path, '$ref'),
        message: 'must be `#/$defs/<name>`, of a schema that stands there',
        hint: 'schemas are never fetched: copy what you need into $defs',
      });
      return 1;
    }
    const known = weights.get(name);
    if (known === 'open') {
      issues.push({
        path: join(path, '$ref'),
        message: 'a schema cannot refer to itself, directly or through others',
        hint: 'write out as many levels as are needed',
      });
      return 1;
    }
    if (known !== undefined) return known;
    weights.set(name, 'open');
    const weight = weightOf(target, join('$defs', name));
    weights.set(name, weight);
    return weight;
  };

  /** Saturates far above the limit: a sum of products cannot overflow. */
  const weightOf = (value: JsonValue, path: string): number => {
    if (!isObject(value)) return 1;
    let weight = 1;
    for (const [key, field] of Object.entries(value)) {
      const at = join(path, key);
      if (REFUSED.has(key)) issues.push({ path: at, message: `\`${key}\` is not available here` });
      else if (key === '$schema') {
        if (field !== DIALECT) issues.push({ path: at, message: `must be ${DIALECT}` });
      } else if (key === '$ref') weight += typeof field === 'string' ? weightOfRef(field, path) : 1;
      else if (DATA.has(key) || (key === '$defs' && path === '')) continue;
      else if (BY_NAME.has(key) && isObject(field)) {
        for (const [name, inner] of Object.entries(field)) weight += weightOf(inner, join(at, name));
      } else if (Array.isArray(field)) {
        for (const [index, inner] of (field as readonly JsonValue[]).entries())
          weight += weightOf(inner, join(at, String(index)));
      } else if (isObject(field)) weight += weightOf(field, at);
    }
    return Math.min(weight, 1_000_000);
  };

  let weight = weightOf(schema, '');
  // What nothing refers to is compiled all the same.
  for (const name of Object.keys(definitions))
    if (!weights.has(name)) weight += weightOf(definitions[name] ?? true, join('$defs', name));
  if (issues.length === 0 && weight > SCHEMA_LIMITS.weight)
    issues.push({
      path: '',
      message: `comes to ${weight} schemas once its references are written out, and may come to ${SCHEMA_LIMITS.weight}`,
    });
  return issues;
};

/** How deep JSON nests; a scalar is 0. Not recursive: the value may be nested as deep as its sender likes. */
export const depthOf = (value: JsonValue): number => {
  let deepest = 0;
  const open: [JsonValue, number][] = [[value, 0]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [current, depth] = next;
    if (depth > deepest) deepest = depth;
    if (typeof current !== 'object' || current === null) continue;
    for (const inner of Object.values(current)) open.push([inner, depth + 1]);
  }
  return deepest;
};
