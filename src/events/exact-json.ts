/**
 * What JSON can carry but we could not give back exactly is refused at the door: what is stored is what was sent. Runs
 * over every published payload, so it allocates nothing while all is well.
 */
import type { Issue } from '../kernel/errors.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';

/** The largest payload of one event, in bytes of JSON. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;
/** How deep a payload may nest. */
export const MAX_PAYLOAD_DEPTH = 64;
const MAX_ISSUES = 20;

/**
 * All that keeps a value from being stored exactly: integers beyond 2^53, lone surrogates and NUL in text, keys that
 * some readers would take for a prototype, too much depth.
 * @param path of the value, for the issues
 */
export const inexactIn = (value: JsonValue, path: string): readonly Issue[] => {
  const issues: Issue[] = [];
  walk(value, path, 0, issues);
  return issues;
};

/** @returns nothing; stops adding at `MAX_ISSUES` */
const walk = (value: JsonValue, path: string, depth: number, issues: Issue[]): void => {
  if (typeof value === 'string') {
    if (!isStorable(value)) issues.push({ path, message: whyNotText(value) });
  } else if (typeof value === 'number') {
    if (!isExact(value))
      issues.push({ path, message: `${value} is beyond ±(2^53 - 1)`, hint: 'send it as text' });
  } else if (typeof value === 'object' && value !== null) {
    if (depth >= MAX_PAYLOAD_DEPTH)
      issues.push({ path: shortened(path), message: `nested more than ${MAX_PAYLOAD_DEPTH} levels` });
    else if (Array.isArray(value)) walkItems(value as readonly JsonValue[], path, depth, issues);
    else walkFields(value as JsonObject, path, depth, issues);
  }
};

const walkItems = (items: readonly JsonValue[], path: string, depth: number, issues: Issue[]): void => {
  for (let index = 0; index < items.length && issues.length < MAX_ISSUES; index += 1) {
    const item = items[index];
    if (item === undefined || isPlainlyExact(item)) continue;
    walk(item, `${path}.${index}`, depth + 1, issues);
  }
};

const walkFields = (object: JsonObject, path: string, depth: number, issues: Issue[]): void => {
  for (const key of Object.keys(object)) {
    if (issues.length >= MAX_ISSUES) return;
    if (!isStorable(key)) issues.push({ path, message: `a key ${whyNotText(key)}` });
    if (key === '__proto__')
      issues.push({ path: `${path}.${key}`, message: 'no field may be called __proto__' });
    const field = object[key];
    if (field === undefined || isPlainlyExact(field)) continue;
    walk(field, `${path}.${key}`, depth + 1, issues);
  }
};

/** The common case, without a path being built. */
const isPlainlyExact = (value: JsonValue): boolean =>
  typeof value === 'string'
    ? isStorable(value)
    : typeof value === 'number'
      ? isExact(value)
      : typeof value === 'boolean' || value === null;

const isExact = (value: number): boolean => Math.abs(value) <= Number.MAX_SAFE_INTEGER;

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

const whyNotText = (text: string): string =>
  text.includes('\0') ? 'holds a NUL character' : 'holds half of a surrogate pair';

const shortened = (path: string): string => (path.length > 200 ? `${path.slice(0, 197)}…` : path);

/** Whether text may stand in an event: a subject, a room. */
export const isStorableText = isStorable;

/**
 * Whether the JSON of a value is at most this many bytes of UTF-8. Serializes only where a cheap upper bound does not
 * settle it.
 */
export const fitsInBytes = (value: JsonValue, maxBytes: number): boolean =>
  upperBound(value, maxBytes) <= maxBytes || Buffer.byteLength(JSON.stringify(value)) <= maxBytes;

/** No less than the bytes of the JSON, as long as it is within `limit`. A UTF-16 unit is at most six bytes (`\u001f`). */
const upperBound = (value: JsonValue, limit: number): number => {
  if (typeof value === 'string') return value.length * 6 + 2;
  if (typeof value !== 'object' || value === null) return 25;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) {
      bytes += upperBound(item, limit) + 1;
      if (bytes > limit) return bytes;
    }
    return bytes;
  }
  const object = value as JsonObject;
  for (const key of Object.keys(object)) {
    bytes += key.length * 6 + 4 + upperBound(object[key] ?? null, limit);
    if (bytes > limit) return bytes;
  }
  return bytes;
};
