import { describe, expect, test } from 'vitest';
import type { CompiledFilters } from '../../../src/events/compiled.ts';
import type { CrucibleEvent, NewEvent } from '../../../src/events/envelope.ts';
import type { Clock } from '../../../src/kernel/clock.ts';
import { silentLogger } from '../../../src/kernel/logger.ts';
import { createLog, idleReactor } from '../../../src/log/create-log.ts';
import type { EventPage, EventQuery, Log, ReplayItem } from '../../../src/log/log.ts';
import { sampleEvent } from '../../support/sample-events.ts';
import type { Database, StoreHarness } from './harness.ts';
import { failure } from '../../../src/kernel/testing/failure.ts';

export type OpenLog = (database: Database, clock: Clock) => Promise<Log>;

/** As the process that writes has it. */
const openWriting: OpenLog = async (database, clock) =>
  createLog({ store: await database.store(), reactor: idleReactor, clock, logger: silentLogger });

/** What the log promises, on every storage, to the process that writes and to those that follow it. */
export const describeLog = (harness: StoreHarness, openBy: OpenLog = openWriting): void => {
  const clock = { nowMs: 1_700_000_000_000 };
  const openOn = (database: Database): Promise<Log> => openBy(database, { now: () => clock.nowMs });
  const open = async (): Promise<Log> => openOn(await harness.database());

  describe(`the log on ${harness.name}`, () => {
    test('gives gapless positions, and an event back by id and by position', async () => {
      const log = await open();
      const results = await Promise.all([1, 2, 3].map((n) => log.append({ events: sampleEvents(n) })));
      expect(results.flatMap(({ events }) => events.map(({ position }) => position))).toEqual([
        1, 2, 3, 4, 5, 6,
      ]);
      const fourth = results[2]?.events[0];
      expect(await log.at(4)).toEqual(fourth);
      expect(await log.get(fourth?.id ?? '')).toEqual(fourth);
      expect(await log.at(7)).toBeUndefined();
      expect(await log.at(0)).toBeUndefined();
      expect(await log.get("evt_'; DELETE commit; --")).toBeUndefined();
      expect(log.head()).toBe(6);
    });

    test('a second open goes on where the first one stopped', async () => {
      const database = await harness.database();
      const first = await openOn(database);
      const { events: stored } = await first.append({ events: sampleEvents(3) });
      await first.close();
      const second = await openOn(database);
      expect(second.head()).toBe(3);
      expect(await second.at(2)).toEqual(stored[1]);
      const { events } = await second.append({ events: sampleEvents(1) });
      expect(events[0]?.position).toBe(4);
    });

    test('expectations hold within a group, and after a restart without a cache', async () => {
      const database = await harness.database();
      const log = await openOn(database);
      const about = (subject: string): NewEvent => sampleEvent({ subject });
      const at = (version: number | 'no_stream' | 'exists' | 'any', subject = 's', world = 'default') => [
        { subject, world, version },
      ];
      const answers = await Promise.allSettled([
        log.append({ events: [about('s')], expect: at('no_stream') }),
        log.append({ events: [about('s')], expect: at('no_stream') }),
        log.append({ events: [about('s')], expect: at(1) }),
        log.append({ events: [about('s')], expect: at(1) }),
        log.append({ events: [about('s')], expect: at('exists') }),
        log.append({ events: [about('s')], expect: at('exists', 's', 'elsewhere') }),
        log.append({ events: [about('t')], expect: [...at('any'), ...at('no_stream', 't')] }),
      ]);
      expect(answers.map(({ status }) => status === 'fulfilled')).toEqual([
        true,
        false,
        true,
        false,
        true,
        false,
        true,
      ]);
      await log.close();
      const again = await openOn(database);
      const wrong = await failure(again.append({ events: [about('s')], expect: at(2) }));
      expect(wrong).toMatchObject({ code: 'expectation_failed' });
      expect(wrong.message).toContain('is at version 3, expected 2');
      await again.append({ events: [about('s')], expect: at(3) });
    });

    test('a repeated idempotency key gets the first answer, another body is refused, after a restart too', async () => {
      const database = await harness.database();
      const log = await openOn(database);
      const idempotency = { scope: 'user:alice default POST /events', key: 'k"\'⟩', hash: 'h1' };
      const first = await log.append({ events: sampleEvents(3), idempotency, answer: { created: ['x'] } });
      expect(first.duplicates).toEqual([false, false, false]);
      const repeat = await log.append({ events: sampleEvents(3), idempotency, answer: { created: ['y'] } });
      const firstAgain = { ...first, duplicates: [true, true, true], repeated: true };
      expect(repeat).toEqual(firstAgain);
      expect(await log.answered(idempotency)).toEqual(firstAgain);
      expect(await log.answered({ ...idempotency, key: 'unused' })).toBeUndefined();
      expect((await failure(log.answered({ ...idempotency, hash: 'h2' }))).code).toBe(
        'idempotency_key_reused',
      );
      const reused = await failure(log.append({ events: [], idempotency: { ...idempotency, hash: 'h2' } }));
      expect(reused.code).toBe('idempotency_key_reused');
      await log.append({
        events: sampleEvents(1),
        idempotency: { ...idempotency, scope: 'user:bob', hash: 'h2' },
      });
      expect(log.head()).toBe(4);
      await log.close();
      const again = await openOn(database);
      expect(await again.append({ events: [], idempotency })).toEqual(firstAgain);
      clock.nowMs += 30 * 24 * 60 * 60 * 1_000;
      expect(await again.answered(idempotency)).toBeUndefined();
      const late = await again.append({
        events: sampleEvents(1),
        idempotency: { ...idempotency, hash: 'h3' },
      });
      expect(late.duplicates).toEqual([false]);
    });

    test('a request without events is repeated by its key as well', async () => {
      const log = await open();
      const idempotency = { scope: 's', key: 'rows only', hash: 'h' };
      const first = await log.append({ events: [], idempotency, answer: { count: 1 } });
      expect(first.repeated).toBeUndefined();
      const repeat = await log.append({ events: sampleEvents(1), idempotency, answer: { count: 2 } });
      expect(repeat).toEqual({ events: [], duplicates: [], repeated: true, answer: { count: 1 } });
      expect(log.head()).toBe(0);
    });

    test('a key under way is in flight, and a request that failed leaves its key free', async () => {
      const log = await open();
      const idempotency = { scope: 's', key: 'k', hash: 'h' };
      const under = log.append({ events: sampleEvents(1), idempotency });
      expect((await failure(log.append({ events: sampleEvents(1), idempotency }))).code).toBe(
        'idempotency_in_flight',
      );
      await under;
      const other = { scope: 's', key: 'other', hash: 'h' };
      const expectMissing = [{ subject: 's', world: 'default', version: 'exists' as const }];
      await failure(log.append({ events: sampleEvents(1), idempotency: other, expect: expectMissing }));
      const { duplicates } = await log.append({ events: sampleEvents(1), idempotency: other });
      expect(duplicates).toEqual([false]);
    });

    test('ids that clients chose are stored once; in another world they are taken', async () => {
      const log = await open();
      const [a, b, c] = [sampleEvent(), sampleEvent(), sampleEvent()];
      const first = await log.append({ events: [a, b], clientIds: true });
      const [second, third] = await Promise.all([
        log.append({ events: [b, c], clientIds: true }),
        log.append({ events: [c], clientIds: true }),
      ]);
      expect(second.duplicates).toEqual([true, false]);
      expect(second.events[0]).toEqual(first.events[1]);
      expect(third.duplicates).toEqual([true]);
      expect(third.events[0]).toEqual(second.events[1]);
      expect(log.head()).toBe(3);
      const stolen = await failure(log.append({ events: [{ ...a, world: 'other' }], clientIds: true }));
      expect(stolen.code).toBe('already_exists');
      expect((await failure(log.append({ events: [c, c], clientIds: true }))).code).toBe('already_exists');
    });

    test('guards see the requests before them in the group, and a request that fails writes nothing', async () => {
      const log = await open();
      const table = 'thing';
      const answers = await Promise.allSettled([
        log.append({
          events: [],
          mutations: [{ op: 'create', table, row: { id: 'a', state: 'open', size: 1 } }],
        }),
        log.append({ events: [], mutations: [{ op: 'create', table, row: { id: 'a' } }] }),
        log.append({
          events: sampleEvents(1),
          mutations: [
            { op: 'put', table: 'plain', row: { id: 'never' } },
            { op: 'patch', table, id: 'a', when: { state: ['done', null] }, set: { state: 'lost' } },
          ],
        }),
        log.append({
          events: sampleEvents(1),
          mutations: [
            {
              op: 'patch',
              table,
              id: 'a',
              when: { state: ['open', 'held'], none: null },
              set: { state: 'done' },
            },
          ],
        }),
        log.append({ events: [], mutations: [{ op: 'patch', table, id: 'nobody', set: {} }] }),
        log.append({ events: [], mutations: [{ op: 'remove', table, id: 'nobody' }] }),
      ]);
      const codes = answers.map((answer) => (answer.status === 'fulfilled' ? 'ok' : answer.reason.code));
      expect(codes).toEqual(['ok', 'already_exists', 'conflict', 'ok', 'conflict', 'not_found']);
      const refused = answers[2];
      expect(refused?.status === 'rejected' ? refused.reason.message : '').toBe(
        'thing a: state is "open", expected "done" or null',
      );
      expect(await log.records.get(table, 'a')).toEqual({ id: 'a', state: 'done', size: 1 });
      expect(await log.records.get('plain', 'never')).toBeUndefined();
      expect(log.head()).toBe(1);
      await log.append({
        events: [],
        mutations: [
          { op: 'remove', table, id: 'a' },
          { op: 'create', table, row: { id: 'a', size: 2 } },
          { op: 'patch', table, id: 'a', set: { size: 3 } },
        ],
      });
      expect(await log.records.getMany(table, ['b', 'a'])).toEqual([{ id: 'a', size: 3 }]);
    });

    test('finds the position of a time', async () => {
      const log = await open();
      const start = clock.nowMs;
      for (const [seconds, count] of [
        [0, 2],
        [10, 1],
        [10, 3],
        [20, 1],
      ] as const) {
        clock.nowMs = start + seconds * 1_000;
        await log.append({ events: sampleEvents(count) });
      }
      const at = (seconds: number): Promise<number> => log.positionAt(start + seconds * 1_000);
      expect(await Promise.all([-1, 0, 9.999, 10, 19, 20, 1_000].map(at))).toEqual([0, 2, 2, 6, 6, 7, 7]);
      const within = await log.query({ from_time: start + 10_000, to_time: start + 20_000 });
      expect(within.data.map(({ position }) => position)).toEqual([3, 4, 5, 6]);
    });

    test('tails what is there and what comes, without a gap or a repeat', async () => {
      const log = await open();
      await log.append({ events: sampleEvents(5) });
      const ended = new AbortController();
      const seen: number[] = [];
      const caughtUp: number[] = [];
      const reading = (async () => {
        for await (const item of log.tail({ after: 2, signal: ended.signal })) {
          if (item.kind === 'caught_up') caughtUp.push(item.position);
          else seen.push(item.event.position);
          if (seen.at(-1) === 2_005 && caughtUp.length > 0) ended.abort();
        }
      })();
      for (let i = 0; i < 20; i += 1)
        await Promise.all([
          log.append({ events: sampleEvents(60) }),
          log.append({ events: sampleEvents(40) }),
        ]);
      await reading;
      expect(seen).toEqual(Array.from({ length: 2_003 }, (_, i) => i + 3));
      expect(caughtUp).toHaveLength(1);
    });

    test('replays with a filter, says when it has caught up, and stops when told to', async () => {
      const log = await open();
      for (let i = 0; i < 4; i += 1)
        await log.append({ events: sampleEvents(700, (n) => ({ room: n % 2 === 0 ? 'even' : 'odd' })) });
      const items = await collect(log.replay({ after: 0, filters: inRoom('even') }));
      expect(items).toHaveLength(1_401);
      expect(items.at(-1)).toEqual({ kind: 'caught_up', position: 2_800 });
      expect(await collect(log.replay({ after: 2_800 }))).toEqual([{ kind: 'caught_up', position: 2_800 }]);
      const stopped = new AbortController();
      let count = 0;
      for await (const item of log.replay({ after: 0, signal: stopped.signal })) {
        if (item.kind === 'event') count += 1;
        if (count === 10) stopped.abort();
      }
      expect(count).toBe(10);
      const failing: CompiledFilters = {
        ...inRoom('x'),
        match: () => ({ matched: 'error', message: 'no overload' }),
      };
      expect((await failure(collect(log.replay({ after: 0, filters: failing })))).code).toBe('invalid');
    });

    describe('queries', () => {
      test('give what a plain look at all events gives, page by page, in both directions', async () => {
        const log = await open();
        const all: CrucibleEvent[] = [];
        let n = 0;
        for (let i = 0; i < 90; i += 1) {
          const { events } = await log.append({
            events: sampleEvents(1 + ((i * 7) % 60), () => varied((n += 1))),
          });
          all.push(...events);
        }
        const queries: EventQuery[] = [
          {},
          { types: ['custom.type.3'] },
          { types: ['custom.type.3', 'custom.rare'] },
          { types: ['custom.rare'], actor: 'user:1' },
          { types: ['custom.rare.*', 'custom.rare'] },
          { types: ['*'], room: 'r1' },
          { actor: 'user:2' },
          { worlds: ['w1'] },
          { worlds: ['w1', 'w2'], types: ['custom.type.1'] },
          { worlds: [] },
          { subject: 's5' },
          { subject: 's5', worlds: ['w1'] },
          { correlation_id: 'cor_3' },
          { source: 'agent' },
          { source: 'user:u1' },
          { filters: inRoom('r1'), actor: 'user:0' },
          { after: 500, before: 1_500, actor: 'user:0' },
          { after: 1_000, types: ['custom.rare'] },
          { before: 3, worlds: ['w1'] },
          { actor: "user:0' OR true" },
        ];
        for (const query of queries) {
          for (const order of ['asc', 'desc'] as const) {
            for (const limit of [7, 1_000]) {
              const pages = await allPages(log, { ...query, order, limit });
              const expected = all.filter((event) => belongs(query, event)).map(({ position }) => position);
              if (order === 'desc') expected.reverse();
              const got = pages.map(({ position }) => position);
              expect({ query, order, limit, got }).toEqual({ query, order, limit, got: expected });
            }
          }
        }
        const story = await log.trace('cor_3', { limit: 1_000 });
        expect(story.data).toEqual(all.filter((event) => event.correlation_id === 'cor_3').slice(0, 1_000));
      });

      test('find rare events across the buckets of terms, in both directions', async () => {
        const log = await open();
        const rare: number[] = [];
        for (let i = 0; i < 67; i += 1) {
          const special = i === 1 || i === 63 || i === 64 || i === 66;
          const { events } = await log.append({
            events: sampleEvents(1_000, (n) =>
              special && n === 536 ? { type: 'custom.rare', actor: 'user:rare' } : {},
            ),
          });
          rare.push(...events.filter(({ type }) => type === 'custom.rare').map(({ position }) => position));
        }
        expect(rare).toHaveLength(4);
        for (const query of [
          { types: ['custom.rare'] },
          { actor: 'user:rare' },
          { types: ['custom.rare'], before: 66_000 },
        ]) {
          const expected = rare.filter((position) => position < (query.before ?? Infinity));
          const found = async (order: 'asc' | 'desc', limit: number): Promise<number[]> =>
            (await allPages(log, { ...query, order, limit })).map(({ position }) => position);
          expect(await found('asc', 2)).toEqual(expected);
          expect(await found('desc', 1)).toEqual(expected.toReversed());
          expect(await found('asc', 50)).toEqual(expected);
        }
        const unindexed = await allPages(log, { filters: ofType('custom.rare'), limit: 10 });
        expect(unindexed.map(({ position }) => position)).toEqual(rare);
      }, 240_000);

      test('refuse a cursor that was changed or belongs to another query, and a limit out of bounds', async () => {
        const log = await open();
        await log.append({ events: sampleEvents(10) });
        const query: EventQuery = { actor: 'user:alice', limit: 3 };
        const { next_cursor: cursor } = await log.query(query);
        if (cursor === null) throw new Error('There is no cursor');
        const code = async (changed: EventQuery): Promise<string> => (await failure(log.query(changed))).code;
        const [body = '', sum = ''] = cursor.split('.');
        const forged = Buffer.from(JSON.stringify([1, 0, 'x'])).toString('base64url');
        for (const bad of [
          '',
          'x',
          '.',
          body,
          `${body}x.${sum}`,
          `${forged}.${sum}`,
          `${cursor}.x`,
          "'; DROP",
        ]) {
          expect([bad, await code({ ...query, cursor: bad })]).toEqual([bad, 'bad_cursor']);
        }
        expect(await code({ ...query, actor: 'user:bob', cursor })).toBe('bad_cursor');
        expect(await code({ ...query, order: 'desc', cursor })).toBe('bad_cursor');
        const next = await log.query({ ...query, limit: 5, cursor });
        expect(next.data.map(({ position }) => position)).toEqual([4, 5, 6, 7, 8]);
        for (const limit of [0, -1, 1.5, 1_001, 1e9, Number.NaN])
          expect(await code({ limit })).toBe('invalid');
      });
    });
  });
};

const sampleEvents = (count: number, change: (n: number) => Partial<NewEvent> = () => ({})): NewEvent[] =>
  Array.from({ length: count }, (_, n) => sampleEvent(change(n)));

/** Events that differ in everything that a query can ask for. */
const varied = (n: number): Partial<NewEvent> => ({
  type: n % 211 === 0 ? 'custom.rare' : `custom.type.${n % 5}`,
  actor: `user:${n % 3}`,
  world: n % 4 === 0 ? 'w2' : 'w1',
  room: n % 6 === 0 ? 'r1' : null,
  subject: n % 2 === 0 ? `s${n % 40}` : null,
  correlation_id: `cor_${n % 50}`,
  source: n % 7 === 0 ? { kind: 'agent', agent_id: 'a' } : { kind: 'user', user_id: `u${n % 3}` },
});

const filtersOf = (holds: (event: CrucibleEvent) => boolean, text: string): CompiledFilters => ({
  source: [{ event_type: '*', when: text }],
  patterns: ['*'],
  requirements: [{ pattern: '*', equalities: [] }],
  match: (event) => ({ matched: holds(event) }),
  explain: () => [],
});
const inRoom = (room: string): CompiledFilters => filtersOf((event) => event.room === room, `room ${room}`);
const ofType = (type: string): CompiledFilters => filtersOf((event) => event.type === type, `type ${type}`);

/** The plain meaning of a query, for comparison. */
const belongs = (query: EventQuery, event: CrucibleEvent): boolean => {
  const source = event.source.kind === 'user' ? `user:${event.source.user_id}` : event.source.kind;
  return (
    (query.types?.some(
      (type) =>
        type === '*' ||
        type === event.type ||
        (type.endsWith('.*') && event.type.startsWith(type.slice(0, -1))),
    ) ??
      true) &&
    (query.worlds?.includes(event.world) ?? true) &&
    event.actor === (query.actor ?? event.actor) &&
    event.subject === (query.subject ?? event.subject) &&
    event.correlation_id === (query.correlation_id ?? event.correlation_id) &&
    event.room === (query.room ?? event.room) &&
    (query.source === undefined || source.startsWith(query.source)) &&
    event.position > (query.after ?? 0) &&
    event.position < (query.before ?? Infinity) &&
    (query.filters === undefined || query.filters.match(event).matched === true)
  );
};

const allPages = async (log: Log, query: EventQuery): Promise<CrucibleEvent[]> => {
  const found: CrucibleEvent[] = [];
  let page: EventPage = await log.query(query);
  for (;;) {
    expect(page.data.length).toBeLessThanOrEqual(query.limit ?? 50);
    found.push(...page.data);
    if (page.next_cursor === null) return found;
    page = await log.query({ ...query, cursor: page.next_cursor });
  }
};

const collect = async (items: AsyncIterable<ReplayItem>): Promise<ReplayItem[]> => {
  const all: ReplayItem[] = [];
  for await (const item of items) all.push(item);
  return all;
};
