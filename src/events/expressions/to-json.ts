import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import type { JsonValue } from '../../kernel/json.ts';

/** A CEL value as JSON: times as ISO 8601, durations as `1.5s`; what JSON cannot say exactly is a problem. */
export const toJson = (value: unknown): { readonly value: JsonValue } | { readonly problem: string } => {
  try {
    return { value: convert(value, 0) };
  } catch (error) {
    if (error instanceof Unsayable) return { problem: error.message };
    throw error;
  }
};

class Unsayable extends Error {}

const convert = (value: unknown, depth: number): JsonValue => {
  if (depth > 64) throw new Unsayable('gives a value that is nested too deeply');
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return integer(value);
  if (typeof value === 'object') return fromObject(value, depth);
  if (typeof value !== 'number') throw new Unsayable('gives nothing that JSON could say');
  if (Number.isFinite(value)) return value;
  throw new Unsayable('gives a number that JSON does not have');
};

const integer = (value: bigint): number => {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Unsayable('gives an integer beyond 2^53; use string()');
  return number;
};

const fromObject = (value: object, depth: number): JsonValue => {
  if (Array.isArray(value)) return (value as readonly unknown[]).map((item) => convert(item, depth + 1));
  if (value instanceof Set) return [...value].map((item) => convert(item, depth + 1));
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Duration) return value.toString();
  if (value instanceof UnsignedInt) return integer(BigInt(value.toString()));
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [String(key), convert(item, depth + 1)]));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item, depth + 1)]));
  throw new Unsayable('gives something that is not JSON; use string()');
};
