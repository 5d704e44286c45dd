import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../kernel/json.ts';
import { breakingChanges, compareVersions, versionParts } from './custom-compatibility.ts';

const text = { type: 'string' };
const base: JsonObject = {
  type: 'object',
  properties: {
    title: text,
    at: { type: 'object', properties: { x: { type: 'number' } } },
    tags: { type: 'array', items: text },
  },
  required: ['title'],
  additionalProperties: false,
};
const changed = (over: JsonObject): JsonObject => ({ ...base, ...over });
const properties = (over: JsonObject): JsonObject =>
  changed({ properties: { ...(base['properties'] as JsonObject), ...over } });

describe('what breaks', () => {
  test.each<[string, JsonObject]>([
    ['nothing', base],
    ['a field more', properties({ extra: { type: 'integer' } })],
    [
      'a field more, further in',
      properties({ at: { type: 'object', properties: { x: { type: 'number' }, y: text } } }),
    ],
    [
      'a field more, in items',
      properties({ tags: { type: 'array', items: { ...text, description: 'a tag' } } }),
    ],
    ['notes for people', changed({ title: 'Note', description: 'x', examples: [{ title: 'a' }] })],
    ['the type as a list of one', changed({ type: ['object'] })],
    ['a definition more', changed({ $defs: { id: text } })],
  ])('%s: not', (_name, after) => {
    expect(breakingChanges(base, after)).toEqual([]);
  });

  test.each<[string, JsonObject, string]>([
    ['a field that must be given', changed({ required: ['title', 'tags'] }), 'required'],
    ['a field that may be left out now', changed({ required: [] }), 'required'],
    [
      'no list of required ones any more',
      Object.fromEntries(Object.entries(base).filter(([key]) => key !== 'required')),
      'required',
    ],
    ['a field less', changed({ properties: { title: text } }), 'properties.at'],
    ['another type', properties({ title: { type: 'number' } }), 'properties.title.type'],
    ['one type more', properties({ title: { type: ['string', 'null'] } }), 'properties.title.type'],
    [
      'further in',
      properties({ at: { type: 'object', properties: { x: text } } }),
      'properties.at.properties.x.type',
    ],
    [
      'in items',
      properties({ tags: { type: 'array', items: { type: 'number' } } }),
      'properties.tags.items.type',
    ],
    ['a bound', properties({ title: { type: 'string', maxLength: 5 } }), 'properties.title.maxLength'],
    ['open', changed({ additionalProperties: true }), 'additionalProperties'],
    ['a schema that takes nothing', properties({ title: false }), 'properties.title'],
  ])('%s: yes', (_name, after, path) => {
    expect(breakingChanges(base, after).map((issue) => issue.path)).toContain(path);
  });

  test('everything at once', () => {
    expect(breakingChanges(base, { type: 'object', properties: {} }).length).toBeGreaterThan(3);
  });
});

describe('versions', () => {
  test.each([
    '0.9.0',
    '1.0',
    '1',
    '01.0.0',
    '1.0.0-rc.1',
    '1.0.0+b',
    'v1.0.0',
    '1.0.0 ',
    '9999999999.0.0',
    '',
  ])('%j is none', (version) => {
    expect(versionParts(version)).toBeUndefined();
  });
  test('are in the order of their numbers', () => {
    const versions = ['1.10.0', '2.0.0', '1.2.0', '1.2.10', '1.2.9'];
    expect(versions.toSorted(compareVersions)).toEqual(['1.2.0', '1.2.9', '1.2.10', '1.10.0', '2.0.0']);
  });
});
