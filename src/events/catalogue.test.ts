import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '../kernel/json.ts';
import { catalogue, createCatalogue, type PayloadOf } from './catalogue.ts';
import { defineEventType } from './event-type.ts';
import { failureOf } from './testing/failure.ts';
import { committed } from './testing/events.ts';

const names = catalogue.list().map(({ type }) => type);

test('the families hold the events that the design lists', () => {
  const families = Object.groupBy(names, (name) => name.split('.')[0] ?? '');
  expect(
    Object.fromEntries(Object.entries(families).map(([family, types]) => [family, types?.length])),
  ).toEqual({
    memory: 10,
    graph: 7,
    file: 7,
    agent: 10,
    flow: 5,
    system: 8,
    hook: 6,
    webhook: 6,
  });
});

describe.each(names)('%s', (type) => {
  const definition = catalogue.get(type);
  const schema = catalogue.jsonSchema(type);

  test('its example fits its schema, by zod and by JSON Schema', () => {
    expect(catalogue.validate(type, definition?.example)).toEqual([]);
    const check = new Ajv2020({ strict: true, formats: { 'date-time': true } }).compile(schema ?? false);
    check(definition?.example);
    expect(check.errors).toBeNull();
  });

  test('samples fit, and the same seed gives the same one', () => {
    const check = new Ajv2020({ strict: true, formats: { 'date-time': true } }).compile(schema ?? false);
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const sample = catalogue.sample(type, seed);
        expect(catalogue.validate(type, sample)).toEqual([]);
        expect(check(sample)).toBe(true);
        expect(catalogue.sample(type, seed)).toEqual(sample);
        expect(JSON.parse(JSON.stringify(sample))).toEqual(sample);
      }),
      { numRuns: 40 },
    );
  });

  test('a field that it lacks is refused by name', () => {
    const issues = catalogue.validate(type, { ...definition?.example, no_such_field: 1 });
    expect(issues.map(({ path }) => path)).toEqual(['no_such_field']);
  });

  test('every field is described', () => {
    const fields = Object.entries(definition?.schema.shape ?? {});
    expect(fields.length).toBeGreaterThan(0);
    expect(definition?.description).toMatch(/\.$/);
  });
});

describe('names', () => {
  test.each([
    ['memory.created', 'memory.created'],
    ['Memory.Created', 'memory.created'],
    ['MEMORY.CREATED', 'memory.created'],
    [' memory.created ', 'memory.created'],
    [{ type: 'Memory', event: 'Created' }, 'memory.created'],
    [{ type: 'Graph', event: 'NodeAdded' }, 'graph.node_added'],
    ['Webhook.DeliveryFailed', 'webhook.delivery_failed'],
    ['custom.note.imported', 'custom.note.imported'],
    ['Custom.Note.Imported', 'custom.note.imported'],
  ])('%j is %s', (input, type) => {
    expect(catalogue.normalizeType(input)).toBe(type);
  });

  test('every known name is its own canonical spelling', () => {
    for (const name of names) expect(catalogue.normalizeType(name)).toBe(name);
  });

  test.each([
    ['memory.creatd', 'memory.created'],
    ['memry.created', 'memory.created'],
    ['webhook.deliverd', 'webhook.delivered'],
  ])('%s is unknown, and the nearest is named', (written, nearest) => {
    const error = failureOf(() => catalogue.normalizeType(written));
    expect(error.code).toBe('unknown_event_type');
    expect(error.hint).toContain(`\`${nearest}\``);
  });

  test.each([
    'custom',
    'custom.',
    'custom..x',
    'custom.a b',
    `custom.${'a'.repeat(300)}`,
    '',
    '*',
    'memory.*',
    '__proto__',
    'memory',
  ])('%j is no type', (written) => {
    expect(failureOf(() => catalogue.normalizeType(written)).code).toBe('unknown_event_type');
    expect(catalogue.has(written)).toBe(false);
  });

  test('a huge name is refused without being repeated', () => {
    const error = failureOf(() => catalogue.normalizeType('x'.repeat(1_000_000)));
    expect(error.message.length).toBeLessThan(300);
  });
});

describe('validation', () => {
  test('tells all that is wrong, each by path', () => {
    const issues = catalogue.validate('agent.action_executed', {
      agent_id: 5,
      action: 'search',
      inputs: { deep: [1] },
      duration_ms: -1,
      sucess: true,
      error: { code: 'x' },
    });
    expect(issues.map(({ path }) => path).sort()).toEqual([
      'agent_id',
      'duration_ms',
      'error.message',
      'success',
      'sucess',
    ]);
    expect(issues.find(({ path }) => path === 'sucess')?.hint).toContain('`success`');
    expect(issues.find(({ path }) => path === 'success')?.message).toContain('missing');
  });

  test.each([[null], [5], ['x'], [[]], [undefined]])('%j is no payload', (payload) => {
    expect(catalogue.validate('custom.x', payload)).toHaveLength(1);
  });

  test('a custom payload is any object', () => {
    expect(catalogue.validate('custom.x', { anything: [null, { goes: true }] })).toEqual([]);
  });

  test('an own __proto__ field is a field like any other, and not in the schema', () => {
    const payload = JSON.parse('{"id":"m","tag":"#a","__proto__":{"x":1}}') as JsonObject;
    expect(catalogue.validate('memory.tagged', payload).map(({ path }) => path)).toEqual(['__proto__']);
  });
});

describe('versions', () => {
  test('a memory.updated of major 1 reads as major 2', () => {
    const old = committed(
      'memory.updated',
      { id: 'm1', hash: 'abc', content: '# New', tags: ['#a'] },
      { version: '1.3.0' },
    );
    const event = catalogue.upcast(old);
    expect(event.version).toBe('2.1.0');
    expect(event.payload).toEqual({
      id: 'm1',
      previous_hash: null,
      new_hash: 'abc',
      patch: [{ op: 'replace', path: '/content', value: '# New' }],
      tags: ['#a'],
    });
    expect(catalogue.validate('memory.updated', event.payload)).toEqual([]);
    expect(old.payload).toHaveProperty('hash');
  });

  test('the current major, an older minor, a newer major and a custom event stay as they are', () => {
    for (const [type, version] of [
      ['memory.updated', '2.0.0'],
      ['memory.created', '1.0.0-rc.1'],
      ['memory.created', '9.0.0'],
      ['memory.created', 'not a version'],
      ['custom.x', '3.1.4'],
    ] as const) {
      const event = committed(type, { id: 'm' }, { version });
      expect(catalogue.upcast(event)).toBe(event);
    }
  });

  test('majors are passed one by one', () => {
    const schema = z.strictObject({ steps: z.array(z.number()) });
    const step = (from: number) => ({
      from,
      upcast: (payload: JsonObject): JsonObject => ({ steps: [...(payload['steps'] as number[]), from] }),
    });
    const type = defineEventType({
      type: 'memory.stepped',
      version: '4.1.0',
      description: 'x',
      schema,
      example: { steps: [] },
      upcasters: [step(3), step(1), step(2)],
    });
    const own = createCatalogue([type]);
    const from = (version: string): unknown =>
      own.upcast(committed('memory.stepped', { steps: [] }, { version })).payload['steps'];
    expect(from('1.0.0')).toEqual([1, 2, 3]);
    expect(from('3.9.9')).toEqual([3]);
    expect(from('4.0.0')).toEqual([]);
  });

  test('a major without its upcaster cannot be defined', () => {
    const define = (version: string, froms: readonly number[]) => () =>
      defineEventType({
        type: 'memory.x',
        version,
        description: 'x',
        schema: z.strictObject({}),
        example: {},
        upcasters: froms.map((from) => ({ from, upcast: (payload) => payload })),
      });
    expect(define('2.0.0', [])).toThrow(/upcasters/);
    expect(define('3.0.0', [2])).toThrow(/upcasters/);
    expect(define('1.0.0', [1])).toThrow(/upcasters/);
    expect(define('0.9.0', [])).toThrow(/semver/);
    expect(define('1.0', [])).toThrow(/semver/);
    expect(define('2.0.0', [1])).not.toThrow();
  });
});

test('payloads have types', () => {
  expectTypeOf<PayloadOf<'memory.tagged'>['tag']>().toEqualTypeOf<string>();
  expectTypeOf<PayloadOf<'hook.failed'>['error']>().toEqualTypeOf<{ code: string; message: string }>();
  expectTypeOf<PayloadOf<'custom.anything'>>().toEqualTypeOf<JsonObject>();
});
