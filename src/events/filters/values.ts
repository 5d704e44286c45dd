import type { JsonValue } from '../../kernel/json.ts';

/** Reads one place in a JSON value; undefined where there is nothing. */
export type Read<From> = (from: From) => JsonValue | undefined;

/**
 * Reads the value at a dotted path: own properties of objects, indexes of arrays. Nothing is inherited, so
 * `__proto__`, `constructor` and `length` are ordinary names that are usually absent.
 */
export const valueAt = (root: JsonValue, segments: readonly string[]): JsonValue | undefined => {
  let value: JsonValue | undefined = root;
  for (const segment of segments) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value)) {
      if (!isIndex(segment)) return undefined;
      value = (value as readonly JsonValue[])[Number(segment)];
    } else {
      if (!Object.hasOwn(value, segment)) return undefined;
      value = (value as { readonly [key: string]: JsonValue })[segment];
    }
  }
  return value;
};

const isIndex = (segment: string): boolean => /^(0|[1-9]\d{0,8})$/.test(segment);

/** Equality of JSON values: type and value, order of keys apart. */
export const jsonEquals = (a: JsonValue | undefined, b: JsonValue | undefined): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    const other = b as readonly JsonValue[];
    return (a as readonly JsonValue[]).every((item, index) => jsonEquals(item, other[index]));
  }
  const left = a as { readonly [key: string]: JsonValue };
  const right = b as { readonly [key: string]: JsonValue };
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && jsonEquals(left[key], right[key]));
};

/** A value in words, for messages: JSON, cut short. */
export const show = (value: JsonValue | undefined): string => {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
};
