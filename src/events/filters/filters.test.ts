import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../kernel/json.ts';
import { catalogue } from '../catalogue.ts';
import type { CrucibleEvent } from '../envelope.ts';
import type { Condition, EventFilter } from '../filter.ts';
import { failureOf } from '../testing/failure.ts';
import { committed } from '../testing/events.ts';
import { checkFilters, compileFilters } from './index.ts';
import { OPERATOR_NAMES } from './operators.ts';

const custom = (payload: JsonObject, envelope: Partial<CrucibleEvent> = {}): CrucibleEvent =>
  committed('custom.x', payload, envelope);

const matches = (filter: Omit<EventFilter, 'event_type'>, event: CrucibleEvent): boolean | 'error' =>
  compileFilters([{ event_type: 'custom.x', ...filter }]).match(event).matched;

const holds = (condition: Condition, payload: JsonObject, path = 'v'): boolean | 'error' =>
  matches({ filter: { [path]: condition } }, custom(payload));

describe('operators', () => {
  test.each<[Condition, JsonValue, boolean]>([
    ['a', 'a', true],
    ['a', 'A', false],
    [1, 1, true],
    [1, '1', false],
    [null, null, true],
    [null, false, false],
    [['a', 'b'], ['a', 'b'], true],
    [['a', 'b'], ['b', 'a'], false],
    [{ equals: { x: 1, y: [2] } }, { y: [2], x: 1 }, true],
    [{ equals: { x: 1 } }, { x: 1, y: 2 }, false],
    [{ equals: [] }, {}, false],
    [{ not_equals: 'a' }, 'b', true],
    [{ not_equals: 'a' }, 'a', false],
    [{ not_equals: 1 }, '1', true],
    [{ contains: '#ai' }, ['#x', '#ai'], true],
    [{ contains: '#ai' }, ['#aid'], false],
    [{ contains: 'ell' }, 'hello', true],
    [{ contains: 'hell' }, ['hello'], false],
    [{ contains: { k: 1 } }, [{ k: 1 }], true],
    [{ contains: 1 }, 123, false],
    [{ contains: 1 }, '1', false],
    [{ contains: 'a' }, { a: 1 }, false],
    [{ starts_with: 'he' }, 'hello', true],
    [{ starts_with: 'el' }, 'hello', false],
    [{ starts_with: 'h' }, ['hello'], false],
    [{ ends_with: 'lo' }, 'hello', true],
    [{ ends_with: 'l' }, 'hello', false],
    [{ matches: '^h.*o$' }, 'hello', true],
    [{ matches: 'ell' }, 'hello', true],
    [{ matches: '^ell' }, 'hello', false],
    [{ matches: '(?i)HELLO' }, 'hello', true],
    [{ matches: '1' }, 1, false],
    [{ greater_than: 2 }, 3, true],
    [{ greater_than: 2 }, 2, false],
    [{ greater_than: 2 }, '3', false],
    [{ greater_than: '2026-01-01' }, '2026-05-05', true],
    [{ less_than: 2 }, 1.5, true],
    [{ less_than: 'b' }, 'a', true],
    [{ less_than: 2 }, null, false],
    [{ in: ['a', 1, null] }, null, true],
    [{ in: ['a', 1] }, '1', false],
    [{ in: [{ x: 1 }, [1]] }, [1], true],
    [{ exists: true }, null, true],
    [{ exists: false }, null, false],
    [{ greater_than: 1, less_than: 3 }, 2, true],
    [{ greater_than: 1, less_than: 3 }, 3, false],
  ])('%j on %j: %s', (condition, value, expected) => {
    expect(holds(condition, { v: value })).toBe(expected);
  });

  test('a missing field satisfies not_equals and exists: false, and nothing else', () => {
    const operands = {
      equals: 'a',
      not_equals: 'a',
      contains: 'a',
      starts_with: '',
      ends_with: '',
      matches: '',
      greater_than: -1,
      less_than: 1,
      in: ['a', null],
      exists: true,
    };
    const satisfied = OPERATOR_NAMES.filter((name) => holds({ [name]: operands[name] }, {}) === true);
    expect(satisfied).toEqual(['not_equals']);
    expect(holds({ exists: false }, {})).toBe(true);
    expect(holds(null, {})).toBe(false);
  });

  test('a catastrophic regular expression is answered in linear time', () => {
    expect(holds({ matches: '^(a+)+$' }, { v: `${'a'.repeat(50_000)}b` })).toBe(false);
    expect(holds({ matches: '(x+x+)+y' }, { v: 'x'.repeat(50_000) })).toBe(false);
  });
});

describe('paths', () => {
  const payload = { metadata: { author: 'alice', list: [{ k: 1 }] }, s: 'text' };
  test.each<[string, Condition, boolean]>([
    ['metadata.author', 'alice', true],
    ['metadata.list.0.k', 1, true],
    ['metadata.list.1.k', { exists: false }, true],
    ['metadata.list.length', { exists: false }, true],
    ['metadata.list.-1', { exists: false }, true],
    ['metadata.list.00', { exists: false }, true],
    ['s.length', { exists: false }, true],
    ['s.0', { exists: false }, true],
    ['__proto__', { exists: false }, true],
    ['constructor', { exists: false }, true],
    ['constructor.prototype', { exists: false }, true],
    ['metadata.__proto__.toString', { exists: false }, true],
    ['metadata.hasOwnProperty', { exists: false }, true],
    ['nothing.here', { not_equals: 1 }, true],
  ])('%s', (path, condition, expected) => {
    expect(holds(condition, payload, path)).toBe(expected);
  });

  test('an own field called __proto__ is only a field', () => {
    const hostile = JSON.parse('{"__proto__":{"admin":true}}') as JsonObject;
    expect(holds(true, hostile, '__proto__.admin')).toBe(true);
    expect(holds({ exists: true }, { other: {} }, 'other.admin')).toBe(false);
  });
});

describe('types', () => {
  const types = (pattern: string, ...names: string[]): (boolean | 'error')[] => {
    const compiled = compileFilters([{ event_type: pattern }]);
    return names.map((name) => compiled.match(committed(name, {})).matched);
  };

  test('one type, in any spelling', () => {
    expect(types('Memory.Created', 'memory.created', 'memory.deleted', 'memory.created.x')).toEqual([
      true,
      false,
      false,
    ]);
    expect(compileFilters([{ event_type: 'Memory.Created' }]).patterns).toEqual(['memory.created']);
  });

  test('a family, and a prefix of custom types', () => {
    expect(types('memory.*', 'memory.created', 'memory.pruned', 'memoryx.created')).toEqual([
      true,
      true,
      false,
    ]);
    expect(types('custom.note.*', 'custom.note.imported', 'custom.note', 'custom.notes.x')).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('`*` leaves out what tells of reactions, unless it is for reading', () => {
    const names = ['memory.created', 'custom.x', 'hook.executed', 'webhook.delivered', 'system.started'];
    expect(types('*', ...names)).toEqual([true, true, false, false, true]);
    const reading = compileFilters([{ event_type: '*' }], catalogue, { starMatchesReactions: true });
    expect(names.map((name) => reading.match(committed(name, {})).matched)).toEqual(names.map(() => true));
    expect(types('hook.*', 'hook.executed', 'webhook.delivered')).toEqual([true, false]);
  });

  test('hook and flow files may write `type`, and the split form', () => {
    const written = [
      { type: 'memory.tagged' },
      { type: 'Memory', event: 'Created' },
    ] as unknown as EventFilter[];
    expect(compileFilters(written).source).toEqual([
      { event_type: 'memory.tagged' },
      { event_type: 'memory.created' },
    ]);
  });
});

describe('the envelope', () => {
  const event = custom(
    {},
    { actor: 'key:bot', room: null, world: 'lab', source: { kind: 'agent', agent_id: 'a:b' } },
  );
  test.each<[string, Condition, boolean]>([
    ['actor', 'key:bot', true],
    ['actor', { not_equals: 'key:bot' }, false],
    ['world', { in: ['lab', 'x'] }, true],
    ['room', { exists: false }, true],
    ['room', { not_equals: 'r' }, true],
    ['room', 'r', false],
    ['source', 'agent:a:b', true],
    ['source', 'agent', true],
    ['source', 'user', false],
    ['source', { not_equals: 'agent' }, false],
    ['source', { not_equals: 'user' }, true],
    ['source', { starts_with: 'agent:' }, true],
    ['source', { in: ['user', 'agent'] }, true],
    ['correlation_id', { starts_with: 'cor_' }, true],
  ])('%s %j: %s', (field, condition, expected) => {
    expect(matches({ envelope: { [field]: condition } }, event)).toBe(expected);
  });
});

describe('lists', () => {
  const event = committed('memory.tagged', { id: 'm', tag: '#a' });
  const bad: EventFilter = { event_type: '*', when: 'event.payload.tag + 1 == 2' };

  test('any one filter suffices', () => {
    const compiled = compileFilters([{ event_type: 'memory.created' }, { event_type: 'memory.tagged' }]);
    expect(compiled.match(event)).toEqual({ matched: true });
    expect(compiled.match(committed('memory.deleted', {}))).toEqual({ matched: false });
  });

  test('an error counts only where no other filter matches', () => {
    expect(compileFilters([bad, { event_type: 'memory.tagged' }]).match(event)).toEqual({ matched: true });
    expect(compileFilters([bad, { event_type: 'memory.created' }]).match(event)).toMatchObject({
      matched: 'error',
    });
  });

  test('explain tells clause by clause, with the values', () => {
    const compiled = compileFilters([
      {
        event_type: 'memory.*',
        filter: { tag: { equals: '#b', starts_with: '#' }, 'tags.0': { exists: true } },
        envelope: { actor: { not_equals: 'user:alice' } },
        when: 'size(event.payload.tag) > 5',
      },
      { event_type: 'memory.created', when: 'event.payload.content == ""' },
    ]);
    const clauses = compiled.explain(event);
    expect(clauses.map(({ clause, holds }) => [clause, holds])).toEqual([
      ['filters.0.event_type', true],
      ['filters.0.envelope.actor.not_equals', false],
      ['filters.0.filter.tag.equals', false],
      ['filters.0.filter.tag.starts_with', true],
      ['filters.0.filter.tags.0.exists', false],
      ['filters.0.when', false],
      ['filters.1.event_type', false],
    ]);
    expect(clauses[2]?.because).toContain('"#a"');
    expect(clauses[2]?.because).toContain('"#b"');
  });
});

describe('what is refused', () => {
  const paths = (filters: unknown): string[] =>
    checkFilters(filters, 'trigger.events').map(({ path }) => path);

  test('everything at once, each where it stands, with a hint', () => {
    const issues = checkFilters(
      [
        { event_type: 'memory.creatd', filter: { 'a..b': 1 } },
        {
          type: 'memory.tagged',
          filter: { tga: 1, tag: { eqals: 1, matches: '(?=x)', exists: 'yes', in: 'x', greater_than: true } },
          envelope: { actr: 'x' },
          when: 'event.pyload.n > 1',
          filtr: {},
        },
        5,
        { event_type: 'memory.*', filter: { zzz: 1, content: 'x' }, when: 'has(event.payload.nope)' },
        { event_type: 'custom.x', filter: { any: { thing: 1 } }, when: '1 +' },
        { event_type: 'memory.tagged', type: 'memory.tagged', filter: { tag: {} } },
      ],
      'trigger.events',
    );
    expect(issues.map(({ path }) => path.replace('trigger.events.', ''))).toEqual([
      '0.event_type',
      '0.filter.a..b',
      '1.filtr',
      '1.filter.tga',
      '1.filter.tag.eqals',
      '1.filter.tag.matches',
      '1.filter.tag.exists',
      '1.filter.tag.in',
      '1.filter.tag.greater_than',
      '1.envelope.actr',
      '1.when',
      '2',
      '3.filter.zzz',
      '3.when',
      '4.filter.any.thing',
      '4.when',
      '5.type',
      '5.filter.tag',
    ]);
    const hints = Object.fromEntries(
      issues.map(({ path, hint }) => [path.replace('trigger.events.', ''), hint]),
    );
    expect(hints['0.event_type']).toContain('memory.created');
    expect(hints['1.filter.tga']).toContain('`tag`');
    expect(hints['1.filter.tag.eqals']).toContain('`equals`');
    expect(hints['1.filtr']).toContain('`filter`');
    expect(hints['1.envelope.actr']).toContain('`actor`');
  });

  test.each([[undefined], [null], [[]], [{}], ['memory.created'], [5]])(
    '%j is no list of filters',
    (written) => {
      expect(paths(written)).toEqual(['trigger.events']);
    },
  );

  test.each<[EventFilter, string]>([
    [{ event_type: 'memory.tagged', filter: { tag: 5 } }, 'tag'],
    [{ event_type: 'memory.tagged', filter: { tag: { greater_than: 5 } } }, 'tag.greater_than'],
    [{ event_type: 'memory.tagged', filter: { tags: { starts_with: '#' } } }, 'tags.starts_with'],
    [{ event_type: 'memory.tagged', filter: { tag: { contains: 5 } } }, 'tag.contains'],
    [{ event_type: 'memory.tagged', filter: { 'tag.x': 5 } }, 'tag.x'],
    [{ event_type: 'memory.tagged', filter: { 'tags.x': 5 } }, 'tags.x'],
    [{ event_type: 'agent.*', filter: { 'error.cod': 'x' } }, 'error.cod'],
  ])('a condition that could never hold: %j', (filter, where) => {
    expect(paths([filter])).toEqual([`trigger.events.0.filter.${where}`]);
  });

  test.each<EventFilter>([
    { event_type: 'memory.created', filter: { 'metadata.anything.at.all': { greater_than: 5 } } },
    {
      event_type: 'agent.action_executed',
      filter: { 'error.code': 'timeout', 'inputs.q': { exists: true }, error: null },
    },
    { event_type: 'memory.tagged', filter: { 'tags.0': '#a', tags: { contains: '#a' } } },
    { event_type: '*', filter: { whatever: 1 } },
    { event_type: 'custom.*', filter: { whatever: 1 } },
    { event_type: 'memory.updated', filter: { 'patch.0.value.deep': 1, previous_hash: null } },
    { event_type: 'system.error', filter: { 'detail.file': { ends_with: '.md' } } },
  ])('is accepted: %j', (filter) => {
    expect(checkFilters([filter], 'f')).toEqual([]);
  });

  test('too much of anything is one issue, however much', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`f${index}`, 1]));
    expect(checkFilters([{ event_type: 'custom.x', filter: many }], 'f')).toHaveLength(1);
    expect(
      checkFilters(
        Array.from({ length: 50_000 }, () => ({ event_type: '*' })),
        'f',
      ),
    ).toHaveLength(1);
    const values = Array.from({ length: 50_000 }, (_, index) => index % 10);
    expect(
      checkFilters([{ event_type: 'custom.x', filter: { a: { in: values } } }], 'f').length,
    ).toBeGreaterThan(0);
    const operators = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`op${index}`, 1]));
    expect(checkFilters([{ event_type: 'custom.x', filter: { a: operators } }], 'f').length).toBeLessThan(20);
    const keys = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`key${index}`, 1]));
    expect(checkFilters([{ event_type: 'custom.x', ...keys }], 'f').length).toBeLessThan(20);
    expect(checkFilters([{ event_type: 'x'.repeat(1_000_000) }], 'f')[0]?.message.length).toBeLessThan(400);
    expect(
      checkFilters([{ event_type: 'custom.x', filter: { a: { matches: 'a'.repeat(1000) } } }], 'f'),
    ).toHaveLength(1);
    expect(
      checkFilters(
        [{ event_type: 'custom.x', filter: { [Array.from({ length: 40 }, () => 'a').join('.')]: 1 } }],
        'f',
      ),
    ).toHaveLength(1);
    expect(
      checkFilters([{ event_type: 'custom.x', when: `${'('.repeat(900)}true${')'.repeat(900)}` }], 'f'),
    ).toHaveLength(1);
    expect(checkFilters([{ event_type: 'custom.x', when: 'x'.repeat(100_000) }], 'f')).toHaveLength(1);
  });

  test('at most 200 conditions', () => {
    const terms = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 1]));
    expect(checkFilters([{ event_type: 'custom.x', filter: terms(200) }], 'f')).toEqual([]);
    expect(
      checkFilters(
        [
          {
            event_type: 'custom.x',
            filter: terms(150),
            envelope: { actor: { in: Array.from({ length: 51 }, () => 'x') } },
          },
        ],
        'f',
      ),
    ).toHaveLength(1);
  });

  test('compiling refuses what checking refuses', () => {
    const error = failureOf(() =>
      compileFilters([{ event_type: 'nope.nope' }, { event_type: 'memory.tagged', filter: { tga: 1 } }]),
    );
    expect(error.code).toBe('invalid');
    expect(error.issues.map(({ path }) => path)).toEqual(['filters.0.event_type', 'filters.1.filter.tga']);
  });

  test('never throws, whatever is written', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (written) => {
        expect(Array.isArray(checkFilters(written, 'f'))).toBe(true);
        expect(Array.isArray(checkFilters([written], 'f'))).toBe(true);
        expect(
          Array.isArray(
            checkFilters(
              [{ event_type: 'custom.x', filter: { a: written }, envelope: written, when: written }],
              'f',
            ),
          ),
        ).toBe(true);
      }),
    );
  });
});

describe('algebra', () => {
  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;

  test('not_equals is the opposite of equals, `in` is any of equals, `contains` is equals of some item', () => {
    fc.assert(
      fc.property(json, json, fc.array(json, { minLength: 1, maxLength: 5 }), (value, other, list) => {
        const event = { v: value };
        expect(holds({ equals: value }, event)).toBe(true);
        expect(holds({ not_equals: other }, event)).toBe(holds({ equals: other }, event) === false);
        expect(holds({ in: list }, event)).toBe(list.some((item) => holds({ equals: item }, event) === true));
        expect(holds({ contains: other }, { v: list })).toBe(
          list.some((item) => holds({ equals: other }, { v: item }) === true),
        );
      }),
    );
  });

  test('a list matches when one of its filters does; a filter when all its conditions do', () => {
    const condition = fc.record({
      path: fc.constantFrom('a', 'b', 'c'),
      value: fc.integer({ min: 0, max: 1 }),
    });
    const filter = fc.array(condition, { maxLength: 3 });
    fc.assert(
      fc.property(
        fc.array(filter, { minLength: 1, maxLength: 4 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 1 })),
        (list, payload) => {
          const filters = list.map((conditions) => ({
            event_type: 'custom.x',
            filter: Object.fromEntries(conditions.map(({ path, value }) => [path, value])),
          }));
          const expected = filters.some((one) =>
            Object.entries(one.filter).every(([path, value]) => payload[path] === value),
          );
          const compiled = compileFilters(filters);
          const event = custom(payload);
          expect(compiled.match(event).matched).toBe(expected);
          const byFilter = Map.groupBy(compiled.explain(event), ({ clause }) => clause.split('.')[1]);
          expect([...byFilter.values()].some((clauses) => clauses.every((clause) => clause.holds))).toBe(
            expected,
          );
        },
      ),
    );
  });
});
