import { describe, expect, test } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { withOrigin } from '../kernel/context.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { silentLogger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import { createLog, idleReactor } from '../log/create-log.ts';
import type { Log, Reactor, RegistryChange } from '../log/log.ts';
import { createMemoryStore } from '../log/memory-store.ts';
import type { Mutation, Row } from '../log/records.ts';
import { CommitFailure, type Batch, type LogStore } from '../log/store.ts';
import { mergeChanges, type Change, type GraphChange, type Proposal } from './change.ts';
import {
  createStateWriter,
  type Decided,
  type ExpandGraph,
  type Gate,
  type StateWriter,
  type Written,
} from './writer.ts';

const TABLE = { name: 'counter', indexes: [] };
const origin: Origin = {
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  world: 'garden',
  correlation_id: 'cor_story',
  causation_id: 'evt_cause',
  depth: 2,
};
const key = { scope: 's', key: 'k', hash: 'h' };

const nothing: Change = { events: [], mutations: [] };
const node = (id: string): Proposal => ({ type: 'graph.node_added', payload: { id }, subject: id });
const events = (...ids: string[]): Decided => ({ change: { ...nothing, events: ids.map(node) } });
const rows = (...mutations: Mutation[]): Change => ({ ...nothing, mutations });
const set = (n: number, revision: number): Mutation => ({
  op: 'patch',
  table: 'counter',
  id: 'c',
  when: { revision },
  set: { n, revision: revision + 1 },
});

const open = async (
  options: {
    readonly gate?: Gate;
    readonly expandGraph?: ExpandGraph;
    readonly reactor?: Reactor;
    readonly wrap?: (store: LogStore) => LogStore;
  } = {},
): Promise<{
  log: Log;
  writer: StateWriter;
  read: () => Promise<Row | undefined>;
  told: () => Promise<string[]>;
}> => {
  const store = createMemoryStore({ tables: [TABLE] });
  const log = await createLog({
    store: options.wrap?.(store) ?? store,
    reactor: options.reactor ?? idleReactor,
    clock: { now: () => 1_000 },
    logger: silentLogger,
  });
  await log.append({
    events: [],
    mutations: [{ op: 'insert', table: 'counter', row: { id: 'c', n: 0, revision: 0 } }],
  });
  return {
    log,
    writer: createStateWriter({
      log,
      newId,
      gate: options.gate ?? (async (intended) => intended),
      expandGraph: options.expandGraph ?? (async () => ({ events: [], mutations: [] })),
    }),
    read: () => log.records.get('counter', 'c'),
    told: async () => (await log.query({ order: 'asc' })).data.map(({ subject }) => String(subject)),
  };
};

/** Reads the counter, and counts one more. */
const increment =
  ({ log }: { readonly log: Log }, counted: () => void = () => undefined) =>
  async (): Promise<Decided> => {
    const row = await log.records.get('counter', 'c');
    counted();
    const n = Number(row?.['n']) + 1;
    return { change: rows(set(n, Number(row?.['revision']))), answer: { n } };
  };

describe('a change of state', () => {
  test('is one commit of its events, its rows and its graph, of the origin of the request', async () => {
    const seen: (readonly [readonly GraphChange[], string])[] = [];
    const opened = await open({
      expandGraph: async (changes, world) => {
        seen.push([changes, world]);
        return { events: [node('of the graph')], mutations: [set(7, 1)] };
      },
    });
    const commits: CrucibleEvent[][] = [];
    opened.log.onCommit((committed) => commits.push([...committed.events]));
    const graph: GraphChange[] = [{ op: 'remove_node', id: 'x' }];
    const change = mergeChanges([events('one').change, rows(set(1, 0)), { ...nothing, graph }]);
    const written = await withOrigin(origin, () =>
      opened.writer.write(async () => ({ change, answer: { id: 'one' } })),
    );
    expect(written).toMatchObject({ answer: { id: 'one' }, repeated: false });
    expect(written.events.map(({ subject }) => subject)).toEqual(['one', 'of the graph']);
    expect(written.events[1]).toMatchObject({
      actor: 'user:alice',
      world: 'garden',
      correlation_id: 'cor_story',
      causation_id: 'evt_cause',
      depth: 2,
    });
    expect(commits).toEqual([written.events]);
    expect(await opened.read()).toMatchObject({ n: 7, revision: 2 });
    expect(seen).toEqual([[graph, 'garden']]);
  });

  test('needs a request, or is given its origin', async () => {
    const { writer, log } = await open();
    await expect(writer.write(async () => events('a'))).rejects.toMatchObject({ code: 'internal' });
    await writer.write(async () => events('a'), { origin });
    expect(log.head()).toBe(1);
  });

  test('that is none writes nothing', async () => {
    const { writer, log } = await open();
    let commits = 0;
    log.onCommit(() => (commits += 1));
    const written = await writer.write(async () => ({ change: nothing, answer: { same: true } }), { origin });
    expect(written).toEqual({ events: [], answer: { same: true }, repeated: false });
    expect(commits).toBe(0);
  });

  test('of what reacts alone is adopted', async () => {
    const staged: RegistryChange[] = [];
    const { writer } = await open({ reactor: { ...idleReactor, stage: (change) => staged.push(change) } });
    await writer.write(async () => ({ change: { ...nothing, registry: [{ kind: 'tool' }] } }), { origin });
    expect(staged).toEqual([{ kind: 'tool' }]);
  });

  test('whose event does not fit its schema is refused whole', async () => {
    const opened = await open();
    const bad = { type: 'graph.node_added', payload: { nodes: 1 }, subject: 'x' } as unknown as Proposal;
    const change = { ...rows(set(1, 0)), events: [bad] };
    await expect(opened.writer.write(async () => ({ change }), { origin })).rejects.toMatchObject({
      code: 'schema_mismatch',
    });
    expect(await opened.read()).toMatchObject({ n: 0 });
  });
});

describe('decisions', () => {
  test('are made one at a time, in order, each on what the one before it wrote', async () => {
    const opened = await open();
    let tries = 0;
    const count = increment(opened, () => (tries += 1));
    const written = await Promise.all(
      Array.from({ length: 20 }, () => opened.writer.write(count, { origin })),
    );
    expect(written.map(({ answer }) => answer?.['n'])).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(tries).toBe(20);
    expect(await opened.read()).toMatchObject({ n: 20, revision: 20 });
  });

  test('keep the origin of their own request while they wait in line', async () => {
    const { writer } = await open();
    const write = (world: string) =>
      withOrigin({ ...origin, world }, () => writer.write(async () => events(world)));
    const written = await Promise.all(['one', 'two', 'three'].map(write));
    expect(written.map((each) => each.events[0]?.world)).toEqual(['one', 'two', 'three']);
  });

  test('that fail are final and hold nobody up', async () => {
    const { writer, told } = await open();
    let tries = 0;
    const refuse = async (): Promise<Decided> => {
      tries += 1;
      throw new CrucibleError('conflict', 'not in this state');
    };
    const [refused, next] = await Promise.allSettled([
      writer.write(refuse, { origin }),
      writer.write(async () => events('next'), { origin }),
    ]);
    expect(refused).toMatchObject({ status: 'rejected', reason: { message: 'not in this state' } });
    expect(next.status).toBe('fulfilled');
    expect(tries).toBe(1);
    expect(await told()).toEqual(['next']);
  });

  test('are made again when somebody else has written in between', async () => {
    const opened = await open();
    let tries = 0;
    const count = increment(opened);
    const overtaken = async (): Promise<Decided> => {
      const decided = await count();
      tries += 1;
      if (tries < 3) await opened.log.append({ events: [], mutations: [set(10 * tries, tries - 1)] });
      return decided;
    };
    const written = await opened.writer.write(overtaken, { origin });
    expect([tries, written.answer]).toEqual([3, { n: 21 }]);
    expect(await opened.read()).toMatchObject({ n: 21, revision: 3 });
  });

  test.each<[string, Mutation, Mutation]>([
    [
      'comes',
      { op: 'create', table: 'counter', row: { id: 'd' } },
      { op: 'create', table: 'counter', row: { id: 'd' } },
    ],
    ['goes', { op: 'remove', table: 'counter', id: 'c' }, { op: 'remove', table: 'counter', id: 'c' }],
  ])('are made again when a row %s in between', async (_, theirs, ours) => {
    const opened = await open();
    let tries = 0;
    const written = await opened.writer.write(
      async () => {
        tries += 1;
        if (tries > 1) return events('after');
        await opened.log.append({ events: [], mutations: [theirs] });
        return { change: rows(ours) };
      },
      { origin },
    );
    expect([tries, written.events.length]).toEqual([2, 1]);
  });

  test('are given up when it never ends', async () => {
    const opened = await open();
    let tries = 0;
    const stale = async (): Promise<Decided> => {
      tries += 1;
      return { change: rows(set(1, 99)) };
    };
    await expect(opened.writer.write(stale, { origin })).rejects.toMatchObject({ code: 'conflict' });
    expect(tries).toBe(5);
  });
});

describe('decisions before the commits of the ones before them', () => {
  /** Commits wait until they are let go; what is decided meanwhile shares the next one. */
  const openHeld = async (refuse: (batch: Batch) => boolean = () => false) => {
    const batches: Batch[] = [];
    const gates: PromiseWithResolvers<void>[] = [];
    const opened = await open({
      wrap: (store) => ({
        ...store,
        async commit(batch) {
          batches.push(batch);
          if (batches.length > 1) {
            const gate = Promise.withResolvers<void>();
            gates.push(gate);
            await gate.promise;
          }
          if (refuse(batch)) throw new CommitFailure('refused', 'planted');
          await store.commit(batch);
        },
      }),
    });
    const idle = async (): Promise<void> => {
      for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
    };
    const letAllGo = async (): Promise<void> => {
      for (let turn = 0; turn < 40; turn += 1) {
        gates.shift()?.resolve();
        await idle();
      }
    };
    return { ...opened, batches, idle, letAllGo, letGo: () => gates.shift()?.resolve() };
  };

  test('share one, and nobody is answered before theirs', async () => {
    const opened = await openHeld();
    const answered: unknown[] = [];
    const writes = Array.from({ length: 20 }, async () => {
      const { answer } = await opened.writer.write(increment(opened), { origin });
      answered.push(answer?.['n']);
    });
    await opened.idle();
    expect([opened.batches.length, answered]).toEqual([2, []]);
    opened.letGo();
    await opened.idle();
    expect([opened.batches.length, answered]).toEqual([3, [1]]);
    expect(await opened.read()).toMatchObject({ n: 1 });
    opened.letGo();
    await Promise.all(writes);
    expect(answered).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(await opened.read()).toMatchObject({ n: 20, revision: 20 });
  });

  test('hold nothing back and are made once when they rest on nobody', async () => {
    const opened = await openHeld();
    const first = opened.writer.write(increment(opened), { origin });
    await opened.idle();
    let asked = 0;
    const other = await opened.writer.write(
      async () => {
        asked += 1;
        await opened.log.records.get('counter', 'other');
        return { change: nothing, answer: { there: false } };
      },
      { origin },
    );
    expect([other.answer, asked]).toEqual([{ there: false }, 1]);
    opened.letGo();
    await first;
  });

  test.each(['nothing', 'refusal'] as const)('that come to a %s wait for what they rest on', async (what) => {
    const opened = await openHeld();
    const first = opened.writer.write(increment(opened), { origin });
    let asked = 0;
    let answered = false;
    const second = opened.writer
      .write(
        async () => {
          asked += 1;
          const row = await opened.log.records.get('counter', 'c');
          if (what === 'refusal') throw new CrucibleError('forbidden', `n is ${Number(row?.['n'])}`);
          return { change: nothing, answer: { n: Number(row?.['n']) } };
        },
        { origin },
      )
      .then(
        ({ answer }) => answer,
        (error: unknown) => String(error),
      )
      .finally(() => (answered = true));
    await opened.idle();
    expect([asked, answered]).toEqual([1, false]);
    opened.letGo();
    expect(await second).toEqual(what === 'nothing' ? { n: 1 } : 'CrucibleError: n is 1');
    expect(asked).toBe(1);
    await first;
  });

  test('upon one that was not written are made anew, as often as it takes, and it is no fault of theirs', async () => {
    const bad = (batch: Batch): boolean =>
      batch.writes.some(({ update }) => update.some((row) => Number(row['n']) > 100));
    const opened = await openHeld(bad);
    const spoil = (): Promise<Written> =>
      opened.writer.write(
        async () => {
          const row = await opened.log.records.get('counter', 'c');
          return { change: rows(set(Number(row?.['n']) + 1_000, Number(row?.['revision']))) };
        },
        { origin },
      );
    const writes = Array.from({ length: 20 }, (_, i) =>
      i % 2 === 0 ? spoil() : opened.writer.write(increment(opened), { origin }),
    );
    const settled = Promise.allSettled(writes);
    await opened.letAllGo();
    const results = await settled;
    expect(results.map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'rejected' : 'fulfilled')),
    );
    expect(await opened.read()).toMatchObject({ n: 10, revision: 10 });
  });

  test('that are made alone are made when nothing is under way', async () => {
    const opened = await openHeld();
    const first = opened.writer.write(increment(opened), { origin });
    let committed = false;
    opened.log.onCommit(() => (committed = true));
    const seen: boolean[] = [];
    const second = opened.writer.write(
      async () => {
        seen.push(committed);
        return { change: nothing };
      },
      { origin, alone: true },
    );
    await opened.idle();
    expect(seen).toEqual([]);
    opened.letGo();
    await Promise.all([first, second]);
    expect(seen).toEqual([true]);
  });

  test('are no more than a bounded number before the first commit', async () => {
    const opened = await openHeld();
    let asked = 0;
    const writes = Array.from({ length: 300 }, () =>
      opened.writer.write(
        increment(opened, () => (asked += 1)),
        { origin },
      ),
    );
    for (let i = 0; i < 50; i += 1) await opened.idle();
    expect(asked).toBe(256);
    await opened.letAllGo();
    await Promise.all(writes);
    expect(await opened.read()).toMatchObject({ n: 300 });
  });

  test('read around by nobody: whatever holds the records of the log reads as the decision does', async () => {
    const opened = await openHeld();
    const held = opened.log.records;
    const first = opened.writer.write(increment(opened), { origin });
    await opened.idle();
    let inside: unknown;
    const second = opened.writer.write(
      async () => {
        inside = (await held.get('counter', 'c'))?.['n'];
        return { change: nothing };
      },
      { origin },
    );
    await opened.idle();
    expect([inside, (await held.get('counter', 'c'))?.['n']]).toEqual([1, 0]);
    opened.letGo();
    await Promise.all([first, second]);
  });
});

describe('a repeated request', () => {
  test('gets the first answer, and is neither gated nor decided', async () => {
    let gated = 0;
    const opened = await open({
      gate: async (intended) => {
        gated += 1;
        return intended;
      },
    });
    let decided = 0;
    const once = async (): Promise<Decided> => {
      decided += 1;
      if (decided > 1) throw new CrucibleError('already_exists', 'taken');
      return { ...events('made'), answer: { id: 'made' } };
    };
    const options = { origin, idempotency: key, intended: [node('made')] };
    const first = await opened.writer.write(once, options);
    expect(await opened.writer.write(once, options)).toEqual({ ...first, repeated: true });
    expect([gated, decided, opened.log.head()]).toEqual([1, 1, 1]);
    const other = { ...options, idempotency: { ...key, hash: 'other body' } };
    await expect(opened.writer.write(once, other)).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('is known while the first one is still in line', async () => {
    const opened = await open();
    const write = () => opened.writer.write(increment(opened), { origin, idempotency: key });
    const [first, second] = await Promise.all([write(), write()]);
    expect([first.repeated, second.repeated]).toEqual([false, true]);
    expect(second.answer).toEqual({ n: 1 });
    expect(await opened.read()).toMatchObject({ n: 1 });
  });

  test('is known when it changed rows only, or nothing at all', async () => {
    const opened = await open();
    const write = (name: string, decide: () => Promise<Decided>) =>
      opened.writer.write(decide, { origin, idempotency: { ...key, key: name } });
    for (const decide of [increment(opened), async () => ({ change: nothing, answer: { n: 1 } })]) {
      const name = newId('req');
      await write(name, decide);
      const again = await write(name, increment(opened));
      expect(again).toEqual({ events: [], answer: { n: 1 }, repeated: true });
    }
    expect(await opened.read()).toMatchObject({ n: 1 });
  });

  test('is decided anew after a failure', async () => {
    const opened = await open();
    const options = { origin, idempotency: key };
    const refuse = async (): Promise<Decided> => {
      throw new CrucibleError('invalid', 'no');
    };
    await expect(opened.writer.write(refuse, options)).rejects.toMatchObject({ code: 'invalid' });
    expect(await opened.writer.write(increment(opened), options)).toMatchObject({ repeated: false });
  });
});

describe('the gate', () => {
  test('is asked before the decision, outside of the line, and its events are what is decided on', async () => {
    const held = Promise.withResolvers<void>();
    const opened = await open({
      gate: async (intended, asked) => {
        expect(asked).toBe(origin);
        await held.promise;
        return intended.map((proposal) => ({ ...proposal, subject: `${proposal.subject}!` }));
      },
    });
    const decide = async (intended: readonly Proposal[]): Promise<Decided> => ({
      change: { ...nothing, events: intended },
    });
    const gated = opened.writer.write(decide, { origin, intended: [node('gated')] });
    await opened.writer.write(async () => events('free'), { origin });
    held.resolve();
    await gated;
    expect(await opened.told()).toEqual(['free', 'gated!']);
  });

  test('refuses: nothing is decided or written', async () => {
    let decided = false;
    const opened = await open({
      gate: async () => {
        throw new CrucibleError('forbidden', 'a hook said no');
      },
    });
    const decide = async (): Promise<Decided> => {
      decided = true;
      return events('x');
    };
    const write = opened.writer.write(decide, { origin, intended: [node('x')], idempotency: key });
    await expect(write).rejects.toThrow('a hook said no');
    expect([decided, opened.log.head()]).toEqual([false, 0]);
    await opened.writer.write(async () => events('ungated'), { origin });
    expect(await opened.told()).toEqual(['ungated']);
  });
});
