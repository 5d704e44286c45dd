import { CrucibleError } from '../kernel/errors.ts';
import { canonicalJson } from '../kernel/hash.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { PayloadOf } from '../events/catalogue.ts';

export type Patch = PayloadOf<'memory.updated'>['patch'];

/** What of a memory changes when it is updated, as its patches see it. */
export type Patchable = {
  readonly name: string | null;
  readonly content: string;
  readonly metadata: JsonObject;
};

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A token of a JSON Pointer (RFC 6901, 3). */
const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
const unescaped = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~');

/**
 * From one memory to another, as RFC 6902 says: the content is replaced whole, of metadata the fields that differ.
 * Empty: nothing differs.
 */
export const patchBetween = (before: Patchable, after: Patchable): Patch => {
  const replaced = (['name', 'content'] as const)
    .filter((field) => before[field] !== after[field])
    .map((field): Patch[number] => ({ op: 'replace', path: `/${field}`, value: after[field] }));
  const keys = [...new Set([...Object.keys(before.metadata), ...Object.keys(after.metadata)])].toSorted();
  const fields = keys.flatMap((key): Patch => {
    const path = `/metadata/${escaped(key)}`;
    const had = Object.hasOwn(before.metadata, key) ? before.metadata[key] : undefined;
    const has = Object.hasOwn(after.metadata, key) ? after.metadata[key] : undefined;
    if (has === undefined) return [{ op: 'remove', path }];
    if (had === undefined) return [{ op: 'add', path, value: has }];
    return canonicalJson(had) === canonicalJson(has) ? [] : [{ op: 'replace', path, value: has }];
  });
  return [...replaced, ...fields];
};

const refuse = (message: string): CrucibleError =>
  new CrucibleError('invalid', `The patch of the memory cannot be applied: ${message}`);

/**
 * Applies what {@link patchBetween} makes, and what a hook may have made of it: `add`, `replace` and `remove` of the
 * name, the content, the whole metadata, or a field of the metadata.
 * @throws CrucibleError `invalid` for anything else
 */
export const applyPatch = (before: Patchable, patch: Patch): Patchable => {
  let { name, content, metadata } = before;
  for (const { op, path, value } of patch) {
    if (op !== 'add' && op !== 'replace' && op !== 'remove') throw refuse(`${op} is not supported`);
    const [, field = '', token, ...deeper] = path.split('/');
    if (deeper.length > 0) throw refuse(`${path} lies too deep`);
    if (field === 'metadata') metadata = patchedMetadata(metadata, op, token, value);
    else if (field === 'content' && token === undefined && typeof value === 'string') content = value;
    else if (field === 'name' && token === undefined && (value === null || typeof value === 'string'))
      name = value;
    else throw refuse(`${op} ${path} is not possible`);
  }
  return { name, content, metadata };
};

const patchedMetadata = (
  metadata: JsonObject,
  op: 'add' | 'replace' | 'remove',
  token: string | undefined,
  value: JsonValue | undefined,
): JsonObject => {
  if (token === undefined) {
    if (isObject(value) && op !== 'remove') return value;
    throw refuse('metadata must be an object');
  }
  const key = unescaped(token);
  if (op !== 'add' && !Object.hasOwn(metadata, key)) throw refuse(`there is no /metadata/${token}`);
  const { [key]: _old, ...rest } = metadata;
  if (op === 'remove') return rest;
  if (value === undefined) throw refuse(`/metadata/${token} needs a value`);
  return { ...rest, [key]: value };
};
