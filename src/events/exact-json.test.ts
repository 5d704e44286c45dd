import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../kernel/json.ts';
import { fitsInBytes, inexactIn, MAX_PAYLOAD_DEPTH } from './exact-json.ts';

const paths = (value: JsonValue): string[] => inexactIn(value, 'payload').map(({ path }) => path);

test('what JSON gives back exactly passes', () => {
  const value = {
    a: [1, -1.5, 9007199254740991, -9007199254740991, 0, 1e-300],
    b: 'ü 😀 \u0001',
    c: null,
    d: true,
    '': {},
  };
  expect(paths(value)).toEqual([]);
});

test.each<[string, JsonValue, string[]]>([
  ['2^53', 9007199254740992, ['payload']],
  [
    '2^53 + 1, as it comes out of JSON.parse',
    JSON.parse('{"n":9007199254740993}') as JsonValue,
    ['payload.n'],
  ],
  ['a number that JSON.parse makes infinite', JSON.parse('[1e400]') as JsonValue, ['payload.0']],
  ['half a surrogate pair', { a: [{ s: 'x\ud800' }] }, ['payload.a.0.s']],
  ['NUL', { s: 'a\0b' }, ['payload.s']],
  ['a key with NUL', { 'a\0': 1 }, ['payload']],
  ['a key with half a pair', { x: { '\udc00': 1 } }, ['payload.x']],
  [
    'a key that some readers take for a prototype',
    JSON.parse('{"x":{"__proto__":{"y":1}}}') as JsonValue,
    ['payload.x.__proto__'],
  ],
  ['several at once', { a: 2 ** 60, b: '\0', c: [2 ** 53] }, ['payload.a', 'payload.b', 'payload.c.0']],
])('%s', (_, value, expected) => {
  expect(paths(value)).toEqual(expected);
});

describe('depth', () => {
  const nested = (levels: number): JsonValue => {
    let value: JsonValue = 1;
    for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
    return value;
  };
  test('up to the bound passes, one more does not, and a hundred thousand is no trouble', () => {
    expect(paths(nested(MAX_PAYLOAD_DEPTH))).toEqual([]);
    expect(paths(nested(MAX_PAYLOAD_DEPTH + 1))).toHaveLength(1);
    expect(paths(nested(100_000))).toHaveLength(1);
  });
});

test('a payload full of faults is told of some', () => {
  expect(paths(Array.from({ length: 100_000 }, () => '\0')).length).toBeLessThan(50);
});

test('size: exactly the bytes of the JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: -20, max: 20 }), (value, slack) => {
      const json = value as JsonValue;
      const bytes = Buffer.byteLength(JSON.stringify(json));
      expect(fitsInBytes(json, bytes)).toBe(true);
      expect(fitsInBytes(json, bytes + slack)).toBe(slack >= 0);
    }),
  );
  expect(fitsInBytes('€'.repeat(100), 302)).toBe(true);
  expect(fitsInBytes('\u0001'.repeat(100), 601)).toBe(false);
});

test('whatever passes survives JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const json = JSON.parse(JSON.stringify(value)) as JsonValue;
      fc.pre(paths(json).length === 0);
      expect(JSON.parse(JSON.stringify(json))).toEqual(json);
      expect(JSON.stringify(json).isWellFormed()).toBe(true);
    }),
  );
});
