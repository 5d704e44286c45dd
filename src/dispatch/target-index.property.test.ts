import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import { checkFilters, compileFilters } from '../events/filters/index.ts';
import { committed } from '../events/testing/events.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { targetIndexOf } from './target-index.ts';
import type { Target } from './target.ts';

const target = (id: string, filters: readonly EventFilter[]): Target => ({
  id,
  kind: 'hook',
  worlds: ['default'],
  filters: compileFilters(filters),
  enabled: true,
  paused: false,
  definition: 'hash',
});

/** Few enough that filters and events often meet, and near enough to each other that a loose comparison would tell. */
const VALUES: readonly JsonValue[] = ['a', 'b', '', '1', 1, 0, -0, true, false, null, [], ['a'], { x: 1 }];
const PATHS = ['tag', 'metadata.owner', 'list.0', 'list', 'toString', '__proto__'];
const TYPES = ['custom.note.imported', 'custom.note', 'custom.note.x.y', 'hook.executed', 'memory.created'];
const PATTERNS = ['custom.note.imported', 'custom.note', 'custom.note.*', 'custom.*', 'hook.*', '*'];
const TEXTS = ['a', 'b', 'user:alice', 'user:bob', 'default', 'agent:a', 'agent', 'user'];

const value = fc.constantFrom(...VALUES);
const text = fc.constantFrom(...TEXTS);
const valueCondition = fc.oneof(
  value.filter((bare) => typeof bare !== 'object' || bare === null),
  fc.record({ equals: value }),
  fc.record({ in: fc.array(value, { minLength: 1, maxLength: 4 }) }),
  fc.record({ not_equals: value }),
  fc.record({ contains: value }),
  fc.record({ exists: fc.boolean() }),
  fc.record({ starts_with: fc.constantFrom('', 'a') }),
  fc.record({ equals: value, in: fc.array(value, { minLength: 1, maxLength: 2 }) }),
);
const textCondition = fc.oneof(
  text,
  fc.record({ in: fc.array(text, { minLength: 1, maxLength: 3 }) }),
  fc.record({ not_equals: text }),
  fc.record({ exists: fc.boolean() }),
);
const some = <T>(keys: readonly string[], condition: fc.Arbitrary<T>, max: number) =>
  fc.dictionary(fc.constantFrom(...keys), condition, { maxKeys: max });
const filter = fc
  .record(
    {
      event_type: fc.constantFrom(...PATTERNS),
      filter: some(PATHS, valueCondition, 2),
      envelope: some(['subject', 'actor', 'room', 'source', 'world'], textCondition, 2),
      when: fc.constantFrom('event.payload.tag == "a"', 'event.payload.tag + 1 == 2', 'event.depth == 0'),
    },
    { requiredKeys: ['event_type'] },
  )
  .map((made) => made as EventFilter)
  .filter((made) => checkFilters([made], 'filters').length === 0);

const event: fc.Arbitrary<CrucibleEvent> = fc
  .record({
    type: fc.constantFrom(...TYPES),
    payload: fc.record(
      { tag: value, metadata: fc.record({ owner: value }), list: value },
      { requiredKeys: [] },
    ),
    subject: fc.option(text),
    room: fc.option(text),
    actor: text,
  })
  .map(({ type, payload, ...envelope }) => committed(type, payload as JsonObject, envelope));

const resultsOf = (targets: readonly Target[], one: CrucibleEvent) =>
  targets
    .map(({ id, filters }) => ({ id, result: filters.match(one) }))
    .filter(({ result }) => result.matched !== false)
    .toSorted((a, b) => a.id.localeCompare(b.id));

describe('the index of targets', () => {
  test('finds, for any filters and events, every target that matches or fails, and none twice', () => {
    let hits = 0;
    let spared = 0;
    fc.assert(
      fc.property(
        fc.array(fc.array(filter, { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
        fc.array(event, { minLength: 1, maxLength: 8 }),
        (filterLists, events) => {
          const targets = filterLists.map((filters, n) => target(`hook:${n}`, filters));
          const index = targetIndexOf(targets);
          for (const one of events) {
            const candidates = index.candidates(one);
            expect(new Set(candidates).size).toBe(candidates.length);
            const results = resultsOf(targets, one);
            expect(resultsOf(candidates, one)).toEqual(results);
            hits += results.length;
            spared += targets.length - candidates.length;
          }
        },
      ),
      { numRuns: 400 },
    );
    // Both happen, or the property says nothing.
    expect(hits).toBeGreaterThan(400);
    expect(spared).toBeGreaterThan(400);
  });

  const note = (payload: JsonObject, envelope: Partial<CrucibleEvent> = {}) =>
    committed('custom.note', payload, envelope);
  const candidates = (one: CrucibleEvent, ...filters: readonly Omit<EventFilter, 'event_type'>[]) =>
    targetIndexOf(filters.map((made, n) => target(`${n}`, [{ event_type: 'custom.note', ...made }])))
      .candidates(one)
      .map(({ id }) => Number(id))
      .toSorted((a, b) => a - b);

  test('looks at none of a thousand that ask for another value, whatever they ask for besides', () => {
    const owners = Array.from({ length: 1_000 }, (_, n) => ({
      filter: { tag: '#ai', title: { starts_with: 'N' }, owner: `owner-${n}` },
    }));
    const one = note({ tag: '#ai', title: 'Note', owner: 'owner-7' });
    expect(candidates(one, ...owners)).toEqual([7]);
    expect(candidates(note({ tag: '#ai', title: 'Note', owner: 'nobody' }), ...owners)).toEqual([]);
  });

  test('finds by envelope fields and by lists of values', () => {
    const filters = [
      { envelope: { subject: 'msg_1' } },
      { envelope: { actor: { in: ['user:alice', 'user:bob'] } } },
      { envelope: { subject: 'msg_2' } },
      { filter: { level: { in: [1, null] } } },
    ];
    expect(candidates(note({}, { subject: 'msg_1', actor: 'user:bob' }), ...filters)).toEqual([0, 1]);
    expect(candidates(note({ level: null }, { actor: 'key:x' }), ...filters)).toEqual([3]);
    expect(candidates(note({ level: '1' }, { actor: 'key:x' }), ...filters)).toEqual([]);
  });

  test('looks at every target of the type whose condition is no equality', () => {
    const filters = [{ filter: { tag: { contains: 'x' } } }, {}, { filter: { tag: { equals: ['a'] } } }];
    expect(candidates(note({ tag: 'no' }), ...filters)).toEqual([0, 1, 2]);
  });

  test('follows changes, and leaves the index they were made on as it was', () => {
    const first = targetIndexOf([target('hook:a', [{ event_type: 'custom.note', filter: { n: 1 } }])]);
    const changed = target('hook:a', [{ event_type: 'custom.note', filter: { n: 2 } }]);
    const second = first.with({ kind: 'target_set', target: changed });
    const none = second.with({ kind: 'target_removed', id: 'hook:a' });
    const ids = [first, second, none].map((index) =>
      [1, 2].map((n) => index.candidates(note({ n })).map(({ id }) => id)),
    );
    expect(ids).toEqual([
      [['hook:a'], []],
      [[], ['hook:a']],
      [[], []],
    ]);
  });
});
