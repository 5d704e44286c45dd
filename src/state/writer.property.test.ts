import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import { silentLogger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import { createLog, idleReactor, type LeadingLog } from '../log/create-log.ts';
import type { Reactor } from '../log/log.ts';
import { createMemoryDisk, createMemoryStore } from '../log/memory-store.ts';
import type { Mutation, Records, Row, TableDefinition } from '../log/records.ts';
import { CommitFailure, type LogStore } from '../log/store.ts';
import type { Proposal } from './change.ts';
import { createStateWriter, type Decided, type StateWriter } from './writer.ts';

/*
 * Many changes at once, over few rows, with a database that is slow, refuses and gets lost. What comes of them must be
 * what comes of deciding them one after another, each after the commit of the one before, in the order of their
 * decisions: the same answers and refusals, the same rows, the same events in the same order.
 */

const TABLE: TableDefinition = {
  name: 'thing',
  indexes: [{ name: 'thing_group', fields: ['group', 'n'] }],
  search: { name: 'thing_text', field: 'text', within: 'group' },
};
const origin: Origin = {
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  world: 'garden',
  correlation_id: 'cor_story',
  causation_id: null,
  depth: 0,
};

const IDS = ['r1', 'r2', 'r3', 'r4', 'r5'];
const GROUPS = ['x', 'y'];

/** What a decision reads, and what it makes of it. All of it goes into the answer, so a wrong read is a wrong answer. */
interface Step {
  readonly read: 'get' | 'many' | 'index' | 'list' | 'search';
  readonly write: 'put' | 'move' | 'blind' | 'drop' | 'renew' | 'nothing' | 'refuse';
  readonly id: string;
  readonly group: string;
  readonly n: number;
  readonly limit: number;
}
interface Ask {
  readonly steps: readonly Step[];
  readonly tells: boolean;
  /** The database refuses its row; what it causes cannot be determined. */
  readonly spoilt: 'row' | 'reaction' | undefined;
  readonly key: string | undefined;
  readonly alone: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  read: fc.constantFrom('get', 'many', 'index', 'index', 'list', 'search'),
  write: fc.constantFrom('put', 'put', 'move', 'blind', 'drop', 'renew', 'nothing', 'refuse'),
  id: fc.constantFrom(...IDS),
  group: fc.constantFrom(...GROUPS),
  n: fc.nat({ max: 4 }),
  limit: fc.integer({ min: 1, max: 3 }),
});
const ask: fc.Arbitrary<Ask> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 3 }),
  tells: fc.boolean(),
  spoilt: fc.option(fc.constantFrom('row' as const, 'reaction' as const), { nil: undefined, freq: 6 }),
  key: fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined, freq: 4 }),
  alone: fc.nat({ max: 9 }).map((n) => n === 0),
});

const readBy = async (records: Records, { read, id, group, n, limit }: Step): Promise<readonly Row[]> => {
  const { name: table } = TABLE;
  switch (read) {
    case 'get':
      return [await records.get(table, id)].filter((row) => row !== undefined);
    case 'many':
      return records.getMany(table, [id, ...IDS.slice(0, limit)]);
    case 'index':
      return records.byIndex({
        table,
        index: 'thing_group',
        equals: [group],
        limit,
        ...(n === 0 ? {} : { after: n - 1, upTo: n + 2 }),
      });
    case 'list':
      return records.list(table, { limit, ...(n === 0 ? {} : { after: id }) });
    case 'search': {
      const found = await records.search({ table, text: `word${n}`, within: [group], limit });
      return found.map(({ id: match, score }) => ({ id: match, score: score.toFixed(6) }));
    }
  }
};

/** Decides as a service does: on what it reads, without knowing of anybody else. */
const decider = (records: Records, given: Ask, index: number) => async (): Promise<Decided> => {
  const seen: JsonObject[] = [];
  const mutations: Mutation[] = [];
  const touched = new Set<string>();
  for (const each of given.steps) {
    const rows = await readBy(records, each);
    seen.push(...rows.map((row): JsonObject => ({ ...row })));
    const sum = rows.reduce((total, row) => total + Number(row['n'] ?? 1), each.n);
    const { id, group } = each;
    if (touched.has(id)) continue;
    touched.add(id);
    const row = { id, group, n: sum % 6, revision: index, text: `word${sum % 5} of ${id}` };
    const { name: table } = TABLE;
    if (each.write === 'refuse' && sum % 2 === 0)
      throw new CrucibleError('forbidden', `seen: ${JSON.stringify(seen)}`);
    if (each.write === 'put') mutations.push({ op: 'put', table, row });
    if (each.write === 'blind') mutations.push({ op: 'patch', table, id, set: { n: sum % 6 } });
    const before = await records.get(table, id);
    if (each.write === 'move' && before !== undefined) {
      const when = { revision: Number(before['revision']) };
      mutations.push({ op: 'patch', table, id, when, set: { group, revision: index } });
    }
    if (each.write === 'move' && before === undefined) mutations.push({ op: 'create', table, row });
    if (each.write === 'drop' && before !== undefined) mutations.push({ op: 'remove', table, id });
    if (each.write === 'renew' && before !== undefined)
      mutations.push({ op: 'remove', table, id }, { op: 'create', table, row });
  }
  if (given.spoilt === 'row') mutations.push({ op: 'put', table: TABLE.name, row: { id: 'spoilt' } });
  const subject = given.spoilt === 'reaction' ? 'spoilt' : `change ${index}`;
  const event: Proposal = { type: 'graph.node_added', payload: { id: subject }, subject };
  const told = given.tells || given.spoilt === 'reaction' ? [event] : [];
  return { change: { events: told, mutations }, answer: { seen } };
};

const reactor: Reactor = {
  ...idleReactor,
  react: ({ subject }) => {
    if (subject === 'spoilt') throw new Error('a filter is broken');
    return [];
  },
};

const FAULTS = ['ok', 'ok', 'ok', 'refused', 'lost before', 'lost after', 'unread'] as const;
type Fault = (typeof FAULTS)[number];

/** A server that takes its time, and fails as it is told: commit by commit, and again from the beginning. */
const faulty = (store: LogStore, faults: readonly Fault[], ticks: readonly number[]): LogStore => {
  let commits = 0;
  let waits = 0;
  let failRead = false;
  const pass = async (): Promise<void> => {
    const turns = ticks[waits % ticks.length] ?? 0;
    waits += 1;
    for (let i = 0; i < turns; i += 1) await new Promise(setImmediate);
  };
  return {
    ...store,
    recoverable: true,
    async commit(batch) {
      const fault = faults[commits % faults.length];
      commits += 1;
      await pass();
      failRead = fault === 'unread';
      if (batch.writes.some(({ insert, update }) => [...insert, ...update].some(({ id }) => id === 'spoilt')))
        throw new CommitFailure('refused', 'spoilt');
      if (fault === 'refused') throw new CommitFailure('refused', 'planted');
      if (fault === 'lost before') throw new CommitFailure('unknown', 'planted');
      await store.commit(batch);
      await pass();
      if (fault === 'lost after') throw new CommitFailure('unknown', 'planted');
    },
    async getRows(table, ids) {
      // Of the loop, which takes the lease anew; or of a decision, which fails for its caller.
      if (failRead) {
        failRead = false;
        throw new CommitFailure('unknown', 'planted');
      }
      const rows = await store.getRows(table, ids);
      await pass();
      return rows;
    },
    async readIndex(read) {
      const rows = await store.readIndex(read);
      await pass();
      return rows;
    },
    async findText(read) {
      const texts = await store.findText(read);
      await pass();
      return texts;
    },
    async listRows(table, page) {
      const rows = await store.listRows(table, page);
      await pass();
      return rows;
    },
  };
};

const open = async (
  wrap: (store: LogStore) => LogStore,
): Promise<{ log: LeadingLog; writer: StateWriter }> => {
  const store = wrap(createMemoryStore({ tables: [TABLE], disk: createMemoryDisk() }));
  const log = await createLog({ store, reactor, clock: { now: () => 1_000 }, logger: silentLogger });
  const writer = createStateWriter({
    log,
    newId,
    gate: async (intended) => intended,
    expandGraph: async () => ({ events: [], mutations: [] }),
  });
  return { log, writer };
};

const write = async (
  { log, writer }: { readonly log: LeadingLog; readonly writer: StateWriter },
  given: Ask,
  index: number,
  deciding: () => void = () => undefined,
): Promise<JsonObject> => {
  const decide = decider(log.records, given, index);
  const { key } = given;
  try {
    const written = await writer.write(
      () => {
        deciding();
        return decide();
      },
      {
        origin,
        alone: given.alone,
        ...(key === undefined ? {} : { idempotency: { scope: 's', key, hash: 'h' } }),
      },
    );
    for (const { position } of written.events)
      if (position > log.head()) throw new Error('answered too early');
    return { answer: written.answer ?? null, repeated: written.repeated };
  } catch (error) {
    if (error instanceof CommitFailure) return { code: 'internal' };
    if (!isCrucibleError(error)) throw error;
    return { code: error.code, ...(error.code === 'forbidden' ? { message: error.message } : {}) };
  }
};

const stateOf = async (log: LeadingLog): Promise<{ rows: readonly Row[]; told: readonly unknown[] }> => ({
  rows: await log.records.list(TABLE.name, { limit: 100 }),
  told: (await log.query({ order: 'asc', limit: 1_000 })).data.map(({ subject }) => subject),
});

test('changes at once come to what they come to one after another', async () => {
  const met = { repeats: 0, refusals: 0, failures: 0, again: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(ask, { minLength: 8, maxLength: 24 }),
      fc.array(fc.constantFrom(...FAULTS), { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat({ max: 5 }), { minLength: 3, maxLength: 11 }),
      async (asked, faults, ticks) => {
        // A database that refuses everything would leave nothing to look at.
        const many = await open((store) => faulty(store, [...faults, 'ok'], ticks));
        const decisions: number[] = [];
        const answers = await Promise.all(
          asked.map((given, i) => write(many, given, i, () => decisions.push(i))),
        );

        // The last decision of each is the one that counts; who was not asked at all was answered as a repeat.
        const order = asked.map((_, i) => i).filter((i) => decisions.includes(i));
        order.sort((a, b) => decisions.lastIndexOf(a) - decisions.lastIndexOf(b));
        const one = await open((store) => store);
        for (const i of order) {
          const given = asked[i];
          if (given === undefined) throw new Error('no such change');
          // What the log could not take is as if it had never been asked.
          if (answers[i]?.['code'] === 'internal') continue;
          expect([i, await write(one, { ...given, key: undefined }, i)]).toEqual([i, answers[i]]);
        }
        expect(await stateOf(many.log)).toEqual(await stateOf(one.log));

        for (const answer of answers) {
          if (answer['repeated'] === true) met.repeats += 1;
          if (answer['code'] === 'forbidden') met.refusals += 1;
          if (answer['code'] === 'internal') met.failures += 1;
        }
        met.again += decisions.length - order.length;
        await many.log.close();
        await one.log.close();
      },
    ),
    { numRuns: 500 },
  );
  // What never happened has not been tested.
  for (const [what, count] of Object.entries(met)) expect([what, count > 50]).toEqual([what, true]);
});
