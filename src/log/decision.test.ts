import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from './memory-store.ts';
import type { Mutation, Records, Row, TableDefinition } from './records.ts';
import { createRecords } from './store-records.ts';
import type { LogStore } from './store.ts';
import type { Ticket } from './ticket.ts';
import { createUnderWay } from './under-way.ts';

/*
 * What is read over requests under way, beside a store in which all of them are written.
 */

const TABLE: TableDefinition = {
  name: 'thing',
  indexes: [{ name: 'thing_group', fields: ['group', 'n'] }],
  search: { name: 'thing_text', field: 'text', within: 'group' },
};
const { name: table } = TABLE;

const id = fc.constantFrom('a', 'b', 'c', 'd', 'ä', '𝔞', 'e', 'f');
const group = fc.constantFrom('x', 'y');
const n = fc.option(fc.constantFrom(0, 1, 2, '1', true), { freq: 8 });
const row = fc.record({ id, group, n });
type Op = 'create' | 'put' | 'patch' | 'remove' | 'check';
const change = fc.record({ op: fc.constantFrom<Op[]>('create', 'put', 'patch', 'remove', 'check'), row });

const limit = fc.integer({ min: 1, max: 4 });
type Read = (records: Records) => Promise<readonly Row[]>;
const read: fc.Arbitrary<Read> = fc.oneof(
  fc.record({ group, limit, after: fc.option(fc.nat({ max: 2 })), upTo: fc.option(fc.nat({ max: 2 })) }).map(
    ({ group: equal, limit: most, after, upTo }): Read =>
      async (records) =>
        records.byIndex({
          table,
          index: 'thing_group',
          equals: [equal],
          limit: most,
          ...(after === null ? {} : { after }),
          ...(upTo === null ? {} : { upTo }),
        }),
  ),
  fc.record({ limit, after: fc.option(id) }).map(
    ({ limit: most, after }): Read =>
      async (records) =>
        records.list(table, { limit: most, ...(after === null ? {} : { after }) }),
  ),
  fc.array(id, { maxLength: 5 }).map(
    (ids): Read =>
      async (records) =>
        records.getMany(table, ids),
  ),
);

/** As the log would take it; undefined: it would refuse it. */
const mutationOf = (rows: ReadonlyMap<string, Row>, { op, row: given }: { op: Op; row: Row }) => {
  const exists = rows.has(given.id);
  if (op === 'create' ? exists : op !== 'put' && !exists) return undefined;
  const { id: of, ...set } = given;
  const mutation: Mutation =
    op === 'create' || op === 'put'
      ? { op, table, row: given }
      : op === 'patch'
        ? { op, table, id: of, set: { n: set['n'] ?? null } }
        : op === 'remove'
          ? { op, table, id: of }
          : { op, table, id: of, when: {} };
  return mutation;
};

const apply = (rows: Map<string, Row>, mutation: Mutation): void => {
  if (mutation.op === 'check') return;
  if (mutation.op === 'remove') rows.delete(mutation.id);
  else if (mutation.op !== 'patch') rows.set(mutation.row.id, mutation.row);
  else {
    const before = rows.get(mutation.id);
    if (before !== undefined) rows.set(mutation.id, { ...before, ...mutation.set });
  }
};

let batches = 0;
const storeOf = async (rows: Iterable<Row>): Promise<LogStore> => {
  const store = createMemoryStore({ tables: [TABLE] });
  const { epoch } = await store.acquire();
  const insert = [...rows];
  batches += 1;
  await store.commit({
    id: `cmt_${batches}`,
    epoch,
    commit: undefined,
    writes: [{ table, insert, update: [], remove: [] }],
  });
  return store;
};

const never = new Promise<void>(() => undefined);

test('reads over requests under way answer as if all of them were written, however many of them are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(row, { selector: (each) => each.id, maxLength: 8 }),
      fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
      fc.nat({ max: 5 }),
      fc.array(read, { minLength: 1, maxLength: 4 }),
      async (stored, requests, shownAlready, reads) => {
        const rows = new Map<string, Row>(stored.map((each) => [each.id, each]));
        let shown = new Map(rows);
        const underWay = createUnderWay();
        const base = createRecords(await storeOf(rows.values()));
        for (const [i, changes] of requests.entries()) {
          const decision = base.decision(underWay);
          const mutations: Mutation[] = [];
          for (const each of changes) {
            const mutation = mutationOf(rows, each);
            if (mutation === undefined) continue;
            mutations.push(mutation);
            apply(rows, mutation);
          }
          const leaves = await decision.run(() => decision.leaves(mutations));
          underWay.add({ outcome: 'waiting' }, leaves, never);
          // The database may show a commit before it is acknowledged.
          if (i < shownAlready) shown = new Map(rows);
        }
        const over = createRecords(await storeOf(shown.values()));
        const wanted = createRecords(await storeOf(rows.values()));
        for (const each of reads) {
          const decision = over.decision(underWay);
          expect(await decision.run(() => each(over))).toEqual(await each(wanted));
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

const waiting = (): Ticket => ({ outcome: 'waiting' });
const left = (...rows: { readonly id: string; readonly row?: Row; readonly fresh?: boolean }[]) =>
  new Map([[table, rows.map(({ id: of, row: now, fresh = false }) => ({ id: of, row: now, fresh }))]]);

describe('a decision', () => {
  test('rests on those whose rows it has read or missed, as long as they are not written', async () => {
    const records = createRecords(await storeOf([{ id: 'a', group: 'x', n: 1 }]));
    const underWay = createUnderWay();
    const [gone, made, other] = [waiting(), waiting(), waiting()];
    underWay.add(gone, left({ id: 'a' }), never);
    underWay.add(made, left({ id: 'b', row: { id: 'b', group: 'y', n: 1 }, fresh: true }), never);
    underWay.add(other, new Map([['other', []]]), never);
    const restsOn = async (work: () => Promise<unknown>): Promise<readonly Ticket[]> => {
      const decision = records.decision(underWay);
      await decision.run(work);
      return decision.restsOn();
    };
    expect(await restsOn(() => records.get(table, 'a'))).toEqual([gone]);
    expect(await restsOn(() => records.get(table, 'c'))).toEqual([]);
    const group = (of: string) => records.byIndex({ table, index: 'thing_group', equals: [of], limit: 1 });
    expect(await restsOn(() => group('x'))).toEqual([gone]);
    expect(await restsOn(() => group('y'))).toEqual([made, gone]);
    made.outcome = 'written';
    expect(await restsOn(() => group('y'))).toEqual([gone]);
  });

  test('sees what nobody else sees, and what it has begun and not waited for sees no more of it', async () => {
    const records = createRecords(await storeOf([{ id: 'a', n: 1 }]));
    const underWay = createUnderWay();
    underWay.add(waiting(), left({ id: 'a', row: { id: 'a', n: 2 } }), never);
    const seen = async (): Promise<unknown> => (await records.get(table, 'a'))?.['n'];
    const over = Promise.withResolvers<void>();
    const decision = records.decision(underWay);
    const outside = seen();
    const { inside, later } = await decision.run(async () => ({
      inside: await seen(),
      later: { began: over.promise.then(seen) },
    }));
    over.resolve();
    expect([await outside, inside, await later.began, await seen()]).toEqual([1, 2, 1, 1]);
  });

  test('has what was under way when it asked, though it is written and gone before the store answers', async () => {
    const asked = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const inner = await storeOf([
      { id: 'a', group: 'x', n: 1 },
      { id: 'b', group: 'x', n: 2 },
    ]);
    const slow = async <T>(reading: Promise<T>): Promise<T> => {
      const answer = await reading;
      asked.resolve();
      await ended.promise;
      return answer;
    };
    const records = createRecords({
      ...inner,
      getRows: (of, ids) => slow(inner.getRows(of, ids)),
      readIndex: (of) => slow(inner.readIndex(of)),
      listRows: (of, page) => slow(inner.listRows(of, page)),
    });
    const underWay = createUnderWay();
    const written = Promise.withResolvers<void>();
    const now = { id: 'a', group: 'x', n: 9 };
    underWay.add(waiting(), left({ id: 'a', row: now }), written.promise);
    const reading = records
      .decision(underWay)
      .run(async () =>
        Promise.all([
          records.getMany(table, ['a', 'b']),
          records.byIndex({ table, index: 'thing_group', equals: ['x'], limit: 1, after: 2 }),
          records.list(table, { limit: 1 }),
        ]),
      );
    await asked.promise;
    written.resolve();
    await underWay.ended();
    ended.resolve();
    expect(await reading).toEqual([[now, { id: 'b', group: 'x', n: 2 }], [now], [now]]);
  });

  test('shows again what an earlier request leaves when a later one is refused first', async () => {
    const records = createRecords(await storeOf([]));
    const underWay = createUnderWay();
    const refused = Promise.withResolvers<void>();
    underWay.add(waiting(), left({ id: 'a', row: { id: 'a', n: 1 } }), never);
    const second = waiting();
    underWay.add(second, left({ id: 'a', row: { id: 'a', n: 2 } }), refused.promise);
    const seen = () => records.decision(underWay).run(() => records.get(table, 'a'));
    expect(await seen()).toEqual({ id: 'a', n: 2 });
    refused.reject(new Error('refused'));
    await underWay.ended([second]);
    expect([await seen(), underWay.size]).toEqual([{ id: 'a', n: 1 }, 1]);
  });

  test('finds as many as it asked for where a row that the store still shows is removed and made again elsewhere', async () => {
    const records = createRecords(
      await storeOf([
        { id: 'a', group: 'x', n: 1 },
        { id: 'b', group: 'x', n: 2 },
      ]),
    );
    const underWay = createUnderWay();
    underWay.add(waiting(), left({ id: 'a' }), never);
    underWay.add(waiting(), left({ id: 'a', row: { id: 'a', group: 'y', n: 1 }, fresh: true }), never);
    const found = records
      .decision(underWay)
      .run(() => records.byIndex({ table, index: 'thing_group', equals: ['x'], limit: 1 }));
    expect(await found).toEqual([{ id: 'b', group: 'x', n: 2 }]);
  });

  test('waits with a search until nothing is under way', async () => {
    const records = createRecords(await storeOf([{ id: 'a', group: 'x', text: 'a word' }]));
    const underWay = createUnderWay();
    const written = Promise.withResolvers<void>();
    underWay.add(waiting(), left(), written.promise);
    let found = false;
    const searching = records.decision(underWay).run(async () => {
      const matches = await records.search({ table, text: 'word', within: ['x'], limit: 1 });
      found = true;
      return matches.map((match) => match.id);
    });
    for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    expect(found).toBe(false);
    written.resolve();
    expect(await searching).toEqual(['a']);
  });
});
