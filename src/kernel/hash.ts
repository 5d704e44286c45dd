import { createHash } from 'node:crypto';
import type { JsonValue } from './json.ts';

/**
 * One text for one JSON value: keys sorted by UTF-16 code units, no white space, numbers as ECMAScript writes them (the
 * rules of RFC 8785). Properties that are undefined count as absent.
 */
export const canonicalJson = (value: JsonValue): string => {
  if (typeof value !== 'object' || value === null) return scalarText(value);
  if (Array.isArray(value)) return `[${(value as readonly JsonValue[]).map(canonicalJson).join(',')}]`;
  const fields = Object.entries(value).filter(
    ([, field]: [string, JsonValue | undefined]) => field !== undefined,
  );
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`).join(',')}}`;
};

/** SHA-256 of the canonical text, in hex: equal values have equal hashes, whatever the order of their keys. */
export const contentHash = (value: JsonValue): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex');

const scalarText = (value: string | number | boolean | null): string => {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${value} is not a JSON number`);
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a ${typeof value} is not a JSON value`);
  return text;
};
