import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../../src/kernel/ids.ts';
import type { JsonValue } from '../../../src/kernel/json.ts';
import { createMemoryStore } from '../../../src/log/memory-store.ts';
import type { IndexRead, Row } from '../../../src/log/records.ts';
import {
  CommitFailure,
  type Batch,
  type Lease,
  type LogStore,
  type TableWrites,
} from '../../../src/log/store.ts';
import { termsOf } from '../../../src/log/terms.ts';
import { sampleEvent } from '../../support/sample-events.ts';
import { TABLES, type StoreHarness } from './harness.ts';

/** What every storage of the log does. The memory twin is the reference for what comes back, and in which order. */
export const describeStore = (harness: StoreHarness): void => {
  describe(`the log's storage: ${harness.name}`, () => {
    describe('the lease', () => {
      test('a new database is empty, and each taking begins a new epoch', async () => {
        const database = await harness.database();
        const store = await database.store();
        const lease = await store.acquire();
        expect(lease).toMatchObject({ head: 0, timeMs: 0, firstAvailable: 1, batch: null });
        await store.commit(rowsBatch(lease, []));
        const next = await (await database.store()).acquire();
        expect(next.epoch).toBe(lease.epoch + 1);
      });

      test('an old epoch can neither commit nor renew, and leaves no trace', async () => {
        const database = await harness.database();
        const old = await database.store();
        const lease = await old.acquire();
        const current = await database.store();
        const newer = await current.acquire();
        const batch = eventsBatch(lease, 0, 3, [
          { table: 'plain', insert: [{ id: 'a' }], update: [], remove: [] },
        ]);
        expect(await kindOf(old.commit(batch))).toBe('fenced');
        expect(await kindOf(old.renew(lease.epoch))).toBe('fenced');
        await old.release(lease.epoch);
        await current.renew(newer.epoch);
        expect(await current.scan(1, 1_000)).toEqual([]);
        expect(await current.getRows('plain', ['a'])).toEqual([]);
      });

      test('the next lease tells the head, the time and the last batch', async () => {
        const database = await harness.database();
        const store = await database.store();
        const lease = await store.acquire();
        const batch = eventsBatch(lease, 0, 5);
        await store.commit(batch);
        const later = await (await database.store()).acquire();
        expect(later).toMatchObject({ head: 5, timeMs: batch.commit?.timeMs, batch: batch.id });
      });

      test('who holds it, and where that one is reached, can be read by anybody without taking it', async () => {
        const database = await harness.database();
        const reader = await database.store();
        expect(await reader.leader()).toBeUndefined();
        const store = await database.store();
        const { epoch } = await store.acquire('http://one.internal:7000');
        const leader = await reader.leader();
        expect(leader).toEqual({ epoch, url: 'http://one.internal:7000', leaseMs: expect.any(Number) });
        expect(leader?.leaseMs).toBeGreaterThan(0);
        expect(leader?.leaseMs).toBeLessThanOrEqual(10_000);
        await store.renew(epoch);
        await store.commit(rowsBatch({ epoch } as Lease, []));
        expect(await reader.leader()).toMatchObject({ epoch, url: 'http://one.internal:7000' });
        await store.release(epoch);
        const released = await reader.leader();
        expect(released).toMatchObject({ epoch, url: 'http://one.internal:7000' });
        expect(released?.leaseMs).toBeLessThanOrEqual(0);
        const next = await (await database.store()).acquire();
        expect(next.epoch).toBe(epoch + 1);
        expect(await reader.leader()).toMatchObject({ epoch: next.epoch, url: null });
      });

      test('the batch that was written last can be read by anybody', async () => {
        const database = await harness.database();
        const reader = await database.store();
        expect(await reader.headBatch()).toBeNull();
        const store = await database.store();
        const lease = await store.acquire();
        expect(await reader.headBatch()).toBeNull();
        for (const batch of [eventsBatch(lease, 0, 1), rowsBatch(lease, [])]) {
          await store.commit(batch);
          expect(await reader.headBatch()).toBe(batch.id);
        }
      });
    });

    describe('commits', () => {
      test('are read by range, by their heads and by where they begin, as they were written', async () => {
        const store = await (await harness.database()).store();
        const lease = await store.acquire();
        const batches = [eventsBatch(lease, 0, 3), eventsBatch(lease, 3, 1), eventsBatch(lease, 4, 1_024)];
        for (const batch of batches) await store.commit(batch);
        const commits = batches.map((batch) => withoutTerms(batch));
        expect(await store.scan(1, 1_028)).toEqual(commits);
        expect(await store.scan(2, 4)).toEqual(commits.slice(0, 2));
        expect(await store.scan(4, 4)).toEqual(commits.slice(1, 2));
        expect(await store.scan(1_028, 5_000)).toEqual(commits.slice(2));
        expect(await store.scan(1_029, 5_000)).toEqual([]);
        expect(await store.heads(1, 5)).toEqual(
          commits.map(({ first, last, timeMs }) => ({ first, last, timeMs })),
        );
        expect(await store.commitsAt([5, 2, 1])).toEqual([commits[0], commits[2]]);
        expect(await store.commitsAt([])).toEqual([]);
      });

      test('are found by each kind of term', async () => {
        const store = await (await harness.database()).store();
        const lease = await store.acquire();
        const first = eventsBatch(lease, 0, 2, [], {
          type: 'custom.a',
          subject: 'one',
          actor: 'user:a',
          world: 'w1',
        });
        const second = eventsBatch(lease, 2, 2, [], {
          type: 'custom.b',
          subject: 'two',
          actor: 'user:a',
          world: 'w2',
        });
        await store.commit(first);
        await store.commit(second);
        expect(await store.find('types', ['custom.a@0'])).toEqual([1]);
        expect(await store.find('types', ['custom.a@1'])).toEqual([]);
        expect(await store.find('types', ['custom.b@0', 'custom.a@0', 'custom.c@0'])).toEqual([1, 3]);
        expect(await store.find('actors', ['user:a@0'])).toEqual([1, 3]);
        expect(await store.find('worlds', ['w2@0'])).toEqual([3]);
        expect(await store.find('subjects', ['two'])).toEqual([3]);
        expect(await store.find('ids', [second.commit?.events[1]?.id ?? ''])).toEqual([3]);
        expect(await store.find('correlations', [first.commit?.events[0]?.correlation_id ?? ''])).toEqual([
          1,
        ]);
        expect(await store.find('subjects', ['nobody'])).toEqual([]);
      });

      test('keep payloads to the letter', async () => {
        const store = await (await harness.database()).store();
        const lease = await store.acquire();
        const payload = exactJson();
        await store.commit(eventsBatch(lease, 0, 1, [], { payload }));
        const [commit] = await store.scan(1, 1);
        expect(JSON.stringify(commit?.events[0]?.payload)).toBe(JSON.stringify(payload));
      });

      test('the same batch, sent again by a connection that came back, is written once', async () => {
        const store = await (await harness.database()).store();
        const lease = await store.acquire();
        const batch = eventsBatch(lease, 0, 2, [
          { table: 'plain', insert: [{ id: 'a' }], update: [], remove: [] },
        ]);
        await store.commit(batch);
        await store.commit(batch);
        expect(await store.scan(1, 10)).toHaveLength(1);
        await store.commit(eventsBatch(lease, 2, 1));
        expect(await store.scan(1, 10)).toHaveLength(2);
      });

      test('one refused statement leaves nothing of the transaction behind', async () => {
        const store = await (await harness.database()).store();
        const lease = await store.acquire();
        await store.commit(
          rowsBatch(lease, [{ table: 'plain', insert: [{ id: 'a', n: 1 }], update: [], remove: [] }]),
        );
        const batch = eventsBatch(lease, 0, 3, [
          { table: 'thing', insert: [{ id: 'b', size: 1, group: 'g' }], update: [], remove: [] },
          { table: 'plain', insert: [{ id: 'c' }, { id: 'a', n: 2 }], update: [], remove: [] },
        ]);
        expect(await kindOf(store.commit(batch))).toBe('refused');
        expect(await store.scan(1, 10)).toEqual([]);
        expect(await store.getRows('plain', ['a', 'c'])).toEqual([{ id: 'a', n: 1 }]);
        expect(await store.listRows('thing', { limit: 10 })).toEqual([]);
        await store.commit(eventsBatch(lease, 0, 1));
        expect((await store.scan(1, 10)).map(({ last }) => last)).toEqual([1]);
      });
    });

    describe('rows', () => {
      test('are JSON to the letter', async () => {
        const store = await (await harness.database()).store();
        const lease = await store.acquire();
        const row: Row = { id: 'exact', ...exactJson() };
        await store.commit(rowsBatch(lease, [{ table: 'plain', insert: [row], update: [], remove: [] }]));
        const [read] = await store.getRows('plain', ['exact']);
        expect(JSON.stringify(read)).toBe(JSON.stringify(row));
      });

      test('come in the order that was asked for, without the missing ones', async () => {
        const store = await (await harness.database()).store();
        const lease = await store.acquire();
        const insert = ['c', 'a', 'b', 'é', '😀', '\uFF5E', 'Z'].map((id) => ({ id }));
        await store.commit(rowsBatch(lease, [{ table: 'plain', insert, update: [], remove: [] }]));
        const ids = (rows: readonly Row[]): string[] => rows.map(({ id }) => id);
        expect(ids(await store.getRows('plain', ['b', 'nobody', 'a', '😀']))).toEqual(['b', 'a', '😀']);
        expect(ids(await store.listRows('plain', { limit: 3 }))).toEqual(['Z', 'a', 'b']);
        expect(ids(await store.listRows('plain', { after: 'b', limit: 10 }))).toEqual([
          'c',
          'é',
          '\uFF5E',
          '😀',
        ]);
        expect(ids(await store.listRows('plain', { after: '😀', limit: 10 }))).toEqual([]);
      });

      test('SurrealQL in an id or a value is text', async () => {
        const store = await (await harness.database()).store();
        const lease = await store.acquire();
        const nasty = [
          "a'; DELETE plain; --",
          'plain:x',
          '⟩; REMOVE TABLE plain; ⟨',
          '`',
          '"',
          '\\',
          '$epoch',
          '1',
          '[1]',
          'true',
          'NONE',
          'rand()',
          'u"018f"',
          '..',
          ' ',
          'a\nb\u0000c',
        ];
        const insert = nasty.map((id, n) => ({ id, size: n, group: id, state: id }));
        await store.commit(rowsBatch(lease, [{ table: 'thing', insert, update: [], remove: [] }]));
        for (const [n, row] of insert.entries()) {
          expect(await store.getRows('thing', [row.id])).toEqual([row]);
          const read = {
            table: 'thing',
            index: 'thing_group_state_size',
            equals: [row.id, row.id],
            after: n - 1,
            limit: 5,
          };
          expect(await store.readIndex(read)).toEqual([row]);
        }
        expect(await store.listRows('thing', { limit: 100 })).toHaveLength(nasty.length);
        const batch = rowsBatch(lease, [{ table: 'thing', insert: [], update: [], remove: nasty }]);
        await store.commit(batch);
        expect(await store.listRows('thing', { limit: 100 })).toEqual([]);
      });
    });

    describe('random writes and reads', () => {
      let store: LogStore;
      let twin: LogStore;
      let lease: Lease;
      let twinLease: Lease;
      const existing = new Set<string>();

      beforeAll(async () => {
        store = await (await harness.database()).store();
        lease = await store.acquire();
        twin = createMemoryStore({ tables: TABLES });
        twinLease = await twin.acquire();
      });

      test('give what the memory twin gives, in the same order', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(rowArbitrary, { maxLength: 30 }),
            fc.array(readArbitrary, { minLength: 1, maxLength: 12 }),
            fc.array(fc.nat({ max: 60 }), { maxLength: 4 }),
            async (rows, reads, removals) => {
              const byId = new Map(rows.map((row) => [row.id, row]));
              const remove = [...new Set(removals)]
                .map((n) => [...existing][n])
                .filter((id) => id !== undefined && !byId.has(id));
              const writes: TableWrites = {
                table: 'thing',
                insert: [...byId.values()].filter(({ id }) => !existing.has(id)),
                update: [...byId.values()].filter(({ id }) => existing.has(id)),
                remove: remove.filter((id) => id !== undefined),
              };
              await store.commit(rowsBatch(lease, [writes]));
              await twin.commit(rowsBatch(twinLease, [writes]));
              for (const id of byId.keys()) existing.add(id);
              for (const id of writes.remove) existing.delete(id);
              for (const read of reads)
                expect(await store.readIndex(read)).toEqual(await twin.readIndex(read));
              expect(await store.listRows('thing', { limit: 1_000 })).toEqual(
                await twin.listRows('thing', { limit: 1_000 }),
              );
            },
          ),
          { numRuns: 60 },
        );
      });
    });
  });
};

const scalarArbitrary = fc.oneof(
  fc.constantFrom('a', 'b', 'A', '', 'é', '😀', '\uFF5E', 'a\u0000', 'ab'),
  fc.constantFrom(0, -0, 1, -1, 1.5, -1.5, 2 ** 53 - 1, -(2 ** 53 - 1), 0.1, 1e-300, 123_456_789),
  fc.boolean(),
);
const fieldArbitrary = fc.option(scalarArbitrary, { nil: null, freq: 6 });
const rowArbitrary = fc.record(
  {
    id: fc.constantFrom(...Array.from({ length: 40 }, (_, i) => `row ${i}`)),
    group: fieldArbitrary,
    state: fc.option(fc.constantFrom('open', 'done'), { nil: null, freq: 6 }),
    size: fieldArbitrary,
    more: fc.json().map((text) => JSON.parse(text) as JsonValue),
  },
  { requiredKeys: ['id'] },
);
const readArbitrary: fc.Arbitrary<IndexRead> = fc
  .record({
    index: fc.constantFrom(
      { name: 'thing_size', fields: 1 },
      { name: 'thing_group_size', fields: 2 },
      { name: 'thing_group_state_size', fields: 3 },
    ),
    equals: fc.array(scalarArbitrary, { maxLength: 3 }),
    state: fc.constantFrom('open', 'done'),
    after: fc.option(scalarArbitrary, { nil: undefined }),
    upTo: fc.option(scalarArbitrary, { nil: undefined }),
    limit: fc.constantFrom(1, 2, 5, 100),
  })
  .map(({ index, equals, state, after, upTo, limit }): IndexRead => {
    const prefix = equals
      .slice(0, index.fields)
      .map((value, i) => (i === 1 && index.fields === 3 ? state : value));
    const ranged = prefix.length < index.fields;
    const read: IndexRead = { table: 'thing', index: index.name, equals: prefix, limit };
    return Object.assign(
      read,
      ranged && after !== undefined ? { after } : {},
      ranged && upTo !== undefined ? { upTo } : {},
    );
  });

const exactJson = (): { [key: string]: JsonValue } => ({
  nothing: null,
  zero: 0,
  large: 2 ** 53 - 1,
  small: -(2 ** 53 - 1),
  huge: 1e300,
  beyond: 1e20,
  tiny: 5e-324,
  fraction: 0.1,
  yes: true,
  empty: '',
  list: [],
  object: {},
  nested: { a: [{ b: [null, [1.5, 'x']] }] },
  unicode: 'é 😀 \u0000 \u2028 ﷽',
  long: 'x'.repeat(100_000),
  'odd key . $ " ⟩': 1,
  date: '2026-01-01T00:00:00Z',
  record: 'plain:a',
  deep: Array.from({ length: 100 }).reduce<JsonValue>((inner) => ({ inner }), 'bottom'),
});

const rowsBatch = (lease: Lease, writes: readonly TableWrites[]): Batch => ({
  id: newId('cmt'),
  epoch: lease.epoch,
  commit: undefined,
  writes,
});

const eventsBatch = (
  lease: Lease,
  head: number,
  count: number,
  writes: readonly TableWrites[] = [],
  overrides: Parameters<typeof sampleEvent>[0] = {},
): Batch => {
  const timeMs = 1_700_000_000_000 + head;
  const timestamp = new Date(timeMs).toISOString();
  const events = Array.from({ length: count }, (_, i) => ({
    ...sampleEvent({ ...overrides }),
    position: head + i + 1,
    timestamp,
  }));
  return {
    ...rowsBatch(lease, writes),
    commit: { first: head + 1, last: head + count, timeMs, events, terms: termsOf(events) },
  };
};

const withoutTerms = ({
  commit,
}: Batch): { first: number; last: number; timeMs: number; events: readonly object[] } => {
  if (commit === undefined) throw new Error('The batch has no events');
  const { first, last, timeMs, events } = commit;
  return { first, last, timeMs, events };
};

const kindOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof CommitFailure) return error.kind;
    throw error;
  }
  throw new Error('It did not fail');
};
