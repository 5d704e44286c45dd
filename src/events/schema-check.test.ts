import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { checkOf, compileSchema } from './schema-check.ts';
import { depthOf } from './schema-bounds.ts';

const problems = (schema: JsonObject) => {
  const result = compileSchema(schema);
  return typeof result === 'function' ? [] : result;
};
const issues = (schema: JsonObject, value: JsonValue) => checkOf(schema)(value);

describe('a schema', () => {
  test('says where a value does not fit, all of it at once', () => {
    const schema = {
      type: 'object',
      properties: { q: { type: 'string', minLength: 1 }, n: { type: 'integer' }, kind: { enum: ['a', 'b'] } },
      required: ['q', 'n'],
      additionalProperties: false,
    };
    expect(issues(schema, { q: 'x', n: 1 })).toEqual([]);
    expect(issues(schema, { q: '', kind: 'c', 'a/b': 1 })).toEqual([
      { path: '', message: "must have required property 'n'" },
      { path: 'a/b', message: 'is not a known field' },
      { path: 'q', message: 'must NOT have fewer than 1 characters' },
      { path: 'kind', message: 'must be one of ["a","b"]' },
    ]);
  });

  test('without one, everything fits', () => {
    expect(checkOf(null)([1, 'x'])).toEqual([]);
  });

  test.each<[string, JsonObject, string]>([
    ['an unknown keyword', { typ: 'string' }, ''],
    ['a keyword of the wrong shape', { type: 'strin' }, ''],
    ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, '$schema'],
    ['a name of its own', { $id: 'https://example.org/x' }, '$id'],
    ['a reference elsewhere', { properties: { a: { $ref: 'https://example.org/x' } } }, 'properties.a.$ref'],
    ['a reference to what is not there', { $ref: '#/$defs/toString', $defs: {} }, '$ref'],
    ['a reference to itself', { $ref: '#' }, '$ref'],
    ['a dynamic reference', { $dynamicRef: '#x' }, '$dynamicRef'],
    ['a circle', { $ref: '#/$defs/a', $defs: { a: { items: { $ref: '#/$defs/a' } } } }, '$defs.a.items.$ref'],
    ['a circle that nothing uses', { $defs: { a: { $ref: '#/$defs/a' } } }, '$defs.a.$ref'],
    ['a look-around', { pattern: '(?=a)b' }, ''],
    ['a back-reference', { patternProperties: { '(a)\\1': true } }, ''],
  ])('is refused for %s', (_name, schema, path) => {
    expect(problems(schema)).toMatchObject([{ path }]);
  });

  test('may say what a format is, which checks nothing', () => {
    expect(issues({ type: 'string', format: 'e-mail of ours', default: 'x' }, 'anything')).toEqual([]);
  });

  test('may use local references', () => {
    const schema = { type: 'array', items: { $ref: '#/$defs/name' }, $defs: { name: { type: 'string' } } };
    expect(issues(schema, ['a', 1])).toMatchObject([{ path: '1' }]);
  });

  test('does not take what objects inherit for a field', () => {
    expect(issues({ required: ['toString'] }, {})).toHaveLength(1);
  });
});

describe('a schema that would take for ever', () => {
  test('has a pattern that other engines search without end', () => {
    expect(issues({ type: 'string', pattern: '^(a+)+$' }, `${'a'.repeat(50_000)}!`)).toHaveLength(1);
    expect(issues({ patternProperties: { '^(a|aa)+$': true } }, { [`${'a'.repeat(5_000)}!`]: 1 })).toEqual(
      [],
    );
  });

  test('has references that double at every step', () => {
    const $defs: Record<string, JsonObject> = { d40: { type: 'string' } };
    for (let i = 0; i < 40; i += 1)
      $defs[`d${i}`] = { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] };
    expect(problems({ $ref: '#/$defs/d0', $defs })).toMatchObject([
      { path: '', message: expect.stringContaining('once its references are written out') },
    ]);
  });

  test('nests without end, or is very long', () => {
    let schema: JsonObject = {};
    for (let i = 0; i < 50_000; i += 1) schema = { not: schema };
    expect(problems(schema)).toMatchObject([{ message: expect.stringContaining('deeper') }]);
    expect(problems({ description: 'x'.repeat(40_000) })).toMatchObject([
      { message: expect.stringContaining('characters') },
    ]);
  });

  test('asks for different items in a long list', () => {
    const items = Array.from({ length: 200_000 }, (_, i) => i);
    expect(issues({ uniqueItems: true }, items)).toEqual([]);
    expect(
      issues({ uniqueItems: true }, [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ]),
    ).toHaveLength(1);
    expect(issues({ uniqueItems: false }, [1, 1])).toEqual([]);
  });
});

test('the depth of JSON', () => {
  expect([depthOf(1), depthOf([]), depthOf({ a: [1] }), depthOf([[], [[1]]])]).toEqual([0, 0, 2, 3]);
});
