import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, contentHash } from './hash.ts';
import type { JsonValue } from './json.ts';

const json = fc.jsonValue() as fc.Arbitrary<JsonValue>;

const shuffled = (value: JsonValue): JsonValue => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, field]) => [key, shuffled(field)]),
  );
};

describe('canonicalJson', () => {
  it('sorts keys by UTF-16 code units at every depth', () => {
    expect(canonicalJson({ b: [{ z: 1, a: null }], a: 'x', B: true, '\u20ac': 1, '\u{1f600}': 2 })).toBe(
      '{"B":true,"a":"x","b":[{"a":null,"z":1}],"\u20ac":1,"\u{1f600}":2}',
    );
  });

  it('writes numbers in one way', () => {
    expect(canonicalJson([-0, 1e21, 0.1, 333333333.3333333])).toBe('[0,1e+21,0.1,333333333.3333333]');
  });

  it('refuses what JSON cannot say', () => {
    expect(() => canonicalJson(Number.NaN)).toThrow(TypeError);
    expect(() => canonicalJson([undefined] as unknown as JsonValue)).toThrow(TypeError);
  });

  it('counts an undefined property as absent', () => {
    expect(canonicalJson({ a: undefined, b: 1 } as unknown as JsonValue)).toBe('{"b":1}');
  });

  it('is JSON of the same value, and one text whatever the order of keys', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      }),
    );
  });
});

describe('contentHash', () => {
  it('is the SHA-256 of the canonical text', () => {
    // printf '{}' | sha256sum
    expect(contentHash({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
    expect(contentHash({ a: 1, b: 2 })).toBe(contentHash({ b: 2, a: 1 }));
    expect(contentHash({ a: 1 })).not.toBe(contentHash({ a: '1' }));
  });
});
