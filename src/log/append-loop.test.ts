import { describe, expect, test } from 'vitest';
import { sampleEvent } from '../../test/support/sample-events.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createLog, idleReactor, type LeadingLog, type LogDeps } from './create-log.ts';
import type { AppendRequest, Committed, Log, Reactor } from './log.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from './memory-store.ts';
import type { Row, TableDefinition } from './records.ts';
import { CommitFailure, type Batch, type LogStore } from './store.ts';
import { shownFirst } from './testing/shown-first.ts';

const TABLES: readonly TableDefinition[] = [
  { name: 'thing', indexes: [] },
  { name: 'run', indexes: [] },
];

const open = async (
  options: Partial<LogDeps> & { disk?: MemoryDisk; wrap?: (store: LogStore) => LogStore } = {},
): Promise<{ log: LeadingLog; batches: Batch[]; fatal: CrucibleError[]; clock: { nowMs: number } }> => {
  const batches: Batch[] = [];
  const fatal: CrucibleError[] = [];
  const clock = { nowMs: 1_000 };
  const inner = createMemoryStore({
    tables: TABLES,
    ...(options.disk === undefined ? {} : { disk: options.disk }),
  });
  const recording: LogStore = {
    ...inner,
    async commit(batch) {
      await inner.commit(batch);
      batches.push(batch);
    },
  };
  const log = await createLog({
    store: options.wrap?.(recording) ?? recording,
    reactor: idleReactor,
    clock: { now: () => clock.nowMs },
    logger: silentLogger,
    onFatal: (error) => fatal.push(error),
    ...options,
  });
  return { log, batches, fatal, clock };
};

const failure = async (work: Promise<unknown>): Promise<CrucibleError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof CrucibleError) return error;
    throw error;
  }
  throw new Error('It did not fail');
};

const events = (count: number): AppendRequest => ({
  events: Array.from({ length: count }, () => sampleEvent()),
});

test('who waits until it is settled has the head of everything that the rows show', async () => {
  const { wrap, shown, sync } = shownFirst();
  const { log } = await open({ wrap });
  await log.settled();
  const appended = log.append({
    events: [sampleEvent()],
    mutations: [{ op: 'insert', table: 'thing', row: { id: 'a' } }],
  });
  await shown;
  expect(await log.records.get('thing', 'a')).toEqual({ id: 'a' });
  expect(log.head()).toBe(0);
  const settled = log.settled().then(() => log.head());
  sync();
  expect(await settled).toBe(1);
  await appended;
});

test('who says what was read waits only for a commit that writes some of it', async () => {
  const shown = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  let held = false;
  const { log } = await open({
    wrap: (store) => ({
      ...store,
      async commit(batch) {
        await store.commit(batch);
        if (!held) return;
        shown.resolve();
        await synced.promise;
      },
    }),
  });
  const put = (id: string) => ({ op: 'put', table: 'thing', row: { id } }) as const;
  await log.append({ events: [], mutations: [put('updated'), put('removed')] });
  held = true;
  const remove = { op: 'remove', table: 'thing', id: 'removed' } as const;
  const appended = log.append({ events: [], mutations: [put('updated'), put('inserted'), remove] });
  await shown.promise;
  const read = (table: string, ...ids: string[]) =>
    log.settled([
      { table: 'run', has: () => false },
      { table, has: (id) => ids.includes(id) },
    ]);
  await read('thing', 'other');
  await read('run', 'updated', 'inserted', 'removed');
  let waited = 0;
  const waiting = ['updated', 'inserted', 'removed'].map(async (id) => {
    await read('thing', 'other', id);
    waited += 1;
  });
  await new Promise(setImmediate);
  expect(waited).toBe(0);
  synced.resolve();
  await Promise.all([...waiting, appended]);
  await read('thing', 'updated');
});

test('a commit that fails is settled too', async () => {
  const { log } = await open({
    wrap: (store) => ({
      ...store,
      commit: () => Promise.reject(new CommitFailure('refused', 'no')),
    }),
  });
  const failed = failure(log.append(events(1)));
  await failed;
  await log.settled();
  expect(log.head()).toBe(0);
});

describe('group commit', () => {
  test('one event in an idle log is a commit of its own; what is appended in one turn is one group', async () => {
    const { log, batches } = await open();
    await log.append(events(1));
    await Promise.all([log.append(events(2)), log.append(events(3)), log.append(events(1))]);
    expect(batches.map(({ commit }) => [commit?.first, commit?.last])).toEqual([
      [1, 1],
      [2, 7],
    ]);
    expect(log.head()).toBe(7);
  });

  test('what queues while a commit runs goes into the next one, and no commit holds more than 1,024 events', async () => {
    const gate = Promise.withResolvers<void>();
    let first = true;
    const { log, batches } = await open({
      wrap: (store) => ({
        ...store,
        async commit(batch) {
          if (first) {
            first = false;
            await gate.promise;
          }
          await store.commit(batch);
        },
      }),
    });
    const answers = [log.append(events(1))];
    await Promise.resolve();
    await new Promise(setImmediate);
    for (let i = 0; i < 30; i += 1) answers.push(log.append(events(100)));
    gate.resolve();
    const results = await Promise.all(answers);
    expect(batches.map(({ commit }) => commit?.events.length)).toEqual([1, 1_000, 1_000, 1_000]);
    const positions = results.flatMap((result) => result.events.map(({ position }) => position));
    expect(positions).toEqual(Array.from({ length: 3_001 }, (_, i) => i + 1));
  });

  test('a request larger than a commit is refused', async () => {
    const { log } = await open();
    expect((await failure(log.append(events(1_025)))).code).toBe('payload_too_large');
    const huge = { events: [sampleEvent({ payload: { text: 'x'.repeat(4 * 1024 * 1024) } })] };
    expect((await failure(log.append(huge))).code).toBe('payload_too_large');
    expect(log.head()).toBe(0);
  });

  test('times never go back, whatever the clock does, and across a restart', async () => {
    const disk = createMemoryDisk();
    const { log, clock } = await open({ disk });
    clock.nowMs = 5_000;
    await log.append(events(1));
    clock.nowMs = 2_000;
    const { events: second } = await log.append(events(1));
    expect(second[0]?.timestamp).toBe(new Date(5_000).toISOString());
    await log.close();
    const again = await open({ disk });
    const { events: third } = await again.log.append(events(1));
    expect(third[0]).toMatchObject({ position: 3, timestamp: new Date(5_000).toISOString() });
  });
});

test('what was committed a moment ago is read by position without the store, in its newest version', async () => {
  let asked = 0;
  const { log } = await open({
    wrap: (store) => ({
      ...store,
      heads: (from, to) => ((asked += 1), store.heads(from, to)),
      commitsAt: (firsts) => ((asked += 1), store.commitsAt(firsts)),
      scan: (from, to) => ((asked += 1), store.scan(from, to)),
    }),
    upcast: (event) => ({ ...event, version: '9.0.0' }),
  });
  const { events: committed } = await log.append(events(3));
  expect(await log.at(2)).toEqual({ ...committed[1], version: '9.0.0' });
  expect(asked).toBe(0);
});

test('a request that would cause more runs than a commit can take is refused, and the others are written', async () => {
  const runs: Reactor = {
    ...idleReactor,
    react: ({ id, payload }) =>
      Array.from({ length: Number(payload['runs']) }, (_, n) => ({
        table: 'run',
        row: { id: `${id}-${n}` },
      })),
  };
  const { log, fatal } = await open({ reactor: runs, limits: { requestRuns: 10 } });
  const causing = (...counts: readonly number[]): AppendRequest => ({
    events: counts.map((count) => sampleEvent({ payload: { runs: count } })),
  });
  const answers = await Promise.allSettled([
    log.append(causing(5, 5)),
    log.append(causing(5, 6)),
    log.append(causing(10)),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(answers[1]).toMatchObject({
    reason: { code: 'payload_too_large', message: expect.stringContaining('10 runs') },
  });
  expect(log.head()).toBe(3);
  expect(fatal).toEqual([]);
});

describe('the bounded queue', () => {
  test('is full with overloaded and a time to wait; ledger writes get in', async () => {
    const { log } = await open({ limits: { queueEvents: 10 } });
    const answers = [log.append(events(10))];
    const refused = await failure(log.append(events(1)));
    expect(refused).toMatchObject({ code: 'overloaded', retryAfterMs: expect.any(Number) });
    answers.push(log.append({ ...events(1), ledger: true }));
    await Promise.all(answers);
    expect(log.head()).toBe(11);
    await log.append(events(10));
  });
});

describe('a failing commit', () => {
  const failing = (kinds: readonly ('refused' | 'fenced' | 'unknown' | 'ok')[]) => {
    const left = [...kinds];
    return (store: LogStore): LogStore => ({
      ...store,
      async commit(batch) {
        const kind = left.shift() ?? 'ok';
        if (kind !== 'ok') throw new CommitFailure(kind, 'planted');
        await store.commit(batch);
      },
    });
  };

  test('a refused statement makes each request be tried alone; only the one it belongs to fails', async () => {
    const disk = createMemoryDisk();
    const { log, batches } = await open({ disk });
    const poison: Row = { id: 'taken' };
    await log.append({ events: [], mutations: [{ op: 'put', table: 'thing', row: poison }] });
    const answers = await Promise.allSettled([
      log.append(events(1)),
      log.append({ ...events(1), mutations: [{ op: 'insert', table: 'thing', row: poison }] }),
      log.append(events(1)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(batches.slice(1).map(({ commit }) => commit?.first)).toEqual([1, 2]);
    expect(log.head()).toBe(2);
  });

  test('an unknown outcome in the embedded store refuses everything and is told once', async () => {
    const { log, fatal } = await open({ wrap: failing(['unknown']) });
    const answers = await Promise.allSettled([log.append(events(1)), log.append(events(1))]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await failure(log.append(events(1)))).code).toBe('log_unavailable');
    expect(fatal.map(({ code }) => code)).toEqual(['log_unavailable']);
    expect(log.head()).toBe(0);
    await log.close();
  });

  test('a second writer fences the first one off', async () => {
    const disk = createMemoryDisk();
    const first = await open({ disk });
    await first.log.append(events(1));
    const second = await open({ disk });
    expect((await failure(first.log.append(events(1)))).code).toBe('fenced');
    expect(first.fatal.map(({ code }) => code)).toEqual(['fenced']);
    await second.log.append(events(1));
    expect(second.log.head()).toBe(2);
    expect(await first.log.at(2)).toBeUndefined();
  });

  test.each(['before', 'after'] as const)(
    'on a server, a connection lost %s the commit is settled by the head record; nothing is written twice',
    async (when) => {
      let lose = true;
      const { log, fatal } = await open({
        wrap: (store) => ({
          ...store,
          recoverable: true,
          async commit(batch) {
            if (lose && when === 'before') {
              lose = false;
              throw new CommitFailure('unknown', 'lost');
            }
            await store.commit(batch);
            if (lose) {
              lose = false;
              throw new CommitFailure('unknown', 'lost');
            }
          },
        }),
      });
      const committed: Committed[] = [];
      log.onCommit((c) => committed.push(c));
      const results = await Promise.all([log.append(events(2)), log.append(events(1))]);
      expect(results.flatMap((r) => r.events.map(({ position }) => position))).toEqual([1, 2, 3]);
      await log.append(events(1));
      expect(log.head()).toBe(4);
      expect(committed.flatMap((c) => c.events.map(({ position }) => position))).toEqual([1, 2, 3, 4]);
      expect(fatal).toEqual([]);
    },
  );

  test('while a server stays away, requests are refused after the time set, and taken again when it is back', async () => {
    let opened = false;
    let away = true;
    const back = Promise.withResolvers<void>();
    const disk = createMemoryDisk();
    const { log } = await open({
      disk,
      url: 'http://one.internal:7000',
      limits: { recoverWithinMs: 1 },
      wrap: (store) => ({
        ...store,
        recoverable: true,
        async acquire(url) {
          if (opened && away) await back.promise;
          return store.acquire(url);
        },
        async commit(batch) {
          if (away) throw new CommitFailure('unknown', 'lost');
          await store.commit(batch);
        },
      }),
    });
    opened = true;
    expect((await failure(log.append(events(1)))).code).toBe('log_unavailable');
    expect((await failure(log.append(events(1)))).code).toBe('log_unavailable');
    expect([log.epoch(), log.batch()]).toEqual([1, null]);
    away = false;
    back.resolve();
    await new Promise(setImmediate);
    await log.append(events(1));
    expect(log.head()).toBe(1);
    expect([log.epoch(), log.batch()]).toEqual([2, disk.batch]);
    expect(disk.url).toBe('http://one.internal:7000');
  });

  test('a request that writes nothing leaves the last batch as it is, so that the lease is still ours to take anew', async () => {
    let lost = 0;
    const { log, fatal } = await open({
      wrap: (store) => ({
        ...store,
        recoverable: true,
        async commit(batch) {
          if (lost > 0) {
            lost -= 1;
            throw new CommitFailure('unknown', 'lost');
          }
          await store.commit(batch);
        },
      }),
    });
    await log.append(events(1));
    const founded = { ...events(1), expect: [{ subject: 's', world: 'default', version: 7 }] };
    expect((await failure(log.append(founded))).code).toBe('expectation_failed');
    lost = 1;
    await log.append(events(1));
    expect([log.head(), log.epoch(), fatal]).toEqual([2, 2, []]);
  });

  test('whoever waits too long for a server that hangs is refused, and the commit under way still counts', async () => {
    const hanging = Promise.withResolvers<void>();
    const { log, fatal } = await open({
      limits: { recoverWithinMs: 1 },
      wrap: (store) => ({
        ...store,
        recoverable: true,
        async commit(batch) {
          await hanging.promise;
          await store.commit(batch);
        },
      }),
    });
    expect(log.problem()).toBeUndefined();
    const keyed = { ...events(1), idempotency: { scope: 's', key: 'k', hash: 'h' } };
    const waiting = [log.append(keyed), log.append(events(1))];
    for (const one of waiting) expect((await failure(one)).code).toBe('log_unavailable');
    expect((await failure(log.append(events(1)))).code).toBe('log_unavailable');
    expect(log.problem()).toMatch(/cannot be written/);
    expect((await failure(log.settled())).code).toBe('log_unavailable');
    hanging.resolve();
    while (log.problem() !== undefined) await new Promise(setImmediate);
    await log.settled();
    const repeat = await log.append(keyed);
    expect([repeat.repeated, repeat.events[0]?.position]).toEqual([true, 1]);
    expect(fatal).toEqual([]);
  });

  test('a log whose server is away closes at once, and that is no failure', async () => {
    let opened = false;
    const never = Promise.withResolvers<never>();
    const { log, fatal } = await open({
      wrap: (store) => ({
        ...store,
        recoverable: true,
        acquire: () => (opened ? never.promise : store.acquire()),
        commit: () => Promise.reject(new CommitFailure('unknown', 'lost')),
      }),
    });
    opened = true;
    const waiting = log.append(events(1));
    await expect.poll(() => log.problem()).toMatch(/lease is taken anew/);
    const [error] = await Promise.all([failure(waiting), log.close()]);
    expect(error.code).toBe('log_unavailable');
    expect(fatal).toEqual([]);
  });
});

describe('listeners', () => {
  const told = async (log: Log, requests: readonly AppendRequest[]): Promise<readonly Committed[]> => {
    const commits: Committed[] = [];
    log.onCommit((committed) => commits.push(committed));
    for (const request of requests) await log.append(request);
    return commits;
  };
  const rows = (...mutations: NonNullable<AppendRequest['mutations']>): AppendRequest => ({
    events: [],
    mutations,
  });

  test('are told of every batch by its id, also when rows were only removed or nothing of anybody else was written', async () => {
    const { log, batches } = await open();
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    const commits = await told(log, [
      events(1),
      rows({ op: 'insert', table: 'thing', row: { id: 'a' } }),
      rows({ op: 'remove', table: 'thing', id: 'a' }),
      { events: [], idempotency },
      { events: [], idempotency },
    ]);
    expect(batches).toHaveLength(4);
    expect(commits.map(({ batch }) => batch)).toEqual(batches.map(({ id }) => id));
    expect(commits[2]).toMatchObject({ events: [], changed: [], removed: [{ table: 'thing', id: 'a' }] });
  });

  test('hear nothing of a row that came and went within one commit, and of one that came back that it changed', async () => {
    const { log } = await open();
    const put = { op: 'put', table: 'thing', row: { id: 'a', n: 1 } } as const;
    const remove = { op: 'remove', table: 'thing', id: 'a' } as const;
    const [, gone, back] = await told(log, [
      rows(put),
      rows({ op: 'insert', table: 'thing', row: { id: 'b' } }, { op: 'remove', table: 'thing', id: 'b' }),
      rows(remove, put),
    ]);
    expect(gone).toMatchObject({ changed: [], removed: [] });
    expect(back).toMatchObject({ changed: [{ table: 'thing', row: { id: 'a', n: 1 } }], removed: [] });
  });
});

describe('the reactor', () => {
  const recordingReactor = (calls: string[], fail?: string): Reactor => ({
    begin: () => calls.push('begin'),
    stage: (change) => calls.push(`stage ${change.kind}`),
    react(event) {
      calls.push(`react ${event.type}`);
      if (event.type === fail) throw new Error('planted');
      return event.type === 'custom.run' ? [{ table: 'run', row: { id: `run of ${event.id}` } }] : [];
    },
    adopt: () => calls.push('adopt'),
    discard: () => calls.push('discard'),
  });

  test('matches each request against what the ones before it staged, and adopts after the commit', async () => {
    const calls: string[] = [];
    const { log } = await open({ reactor: recordingReactor(calls) });
    const committed: Committed[] = [];
    log.onCommit((c) => {
      calls.push('listener');
      committed.push(c);
    });
    const run = sampleEvent({ type: 'custom.run' });
    await Promise.all([
      log.append({ events: [sampleEvent({ type: 'custom.a' })], changes: [{ kind: 'one' }] }),
      log.append({ events: [run] }).then(() => calls.push('answer')),
    ]);
    expect(calls).toEqual([
      'begin',
      'react custom.a',
      'stage one',
      'react custom.run',
      'adopt',
      'listener',
      'answer',
    ]);
    expect(committed[0]?.reactions).toEqual([{ table: 'run', row: { id: `run of ${run.id}` } }]);
    expect(await log.records.get('run', `run of ${run.id}`)).toEqual({ id: `run of ${run.id}` });
  });

  test('a request that is refused stages nothing', async () => {
    const calls: string[] = [];
    const { log } = await open({ reactor: recordingReactor(calls) });
    const refused = log.append({
      events: [sampleEvent()],
      changes: [{ kind: 'one' }],
      mutations: [{ op: 'remove', table: 'thing', id: 'nobody' }],
    });
    expect((await failure(refused)).code).toBe('not_found');
    expect(calls).toEqual(['begin', 'adopt']);
  });

  test('when it throws, that request alone fails and what it staged is forgotten', async () => {
    const calls: string[] = [];
    const { log } = await open({ reactor: recordingReactor(calls, 'custom.bad') });
    const answers = await Promise.allSettled([
      log.append({ events: [sampleEvent({ type: 'custom.good' })], changes: [{ kind: 'one' }] }),
      log.append({ events: [sampleEvent({ type: 'custom.bad' })] }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    const good = ['begin', 'react custom.good', 'stage one'];
    expect(calls).toEqual([...good, 'react custom.bad', 'discard', ...good, 'adopt']);
    expect(log.head()).toBe(1);
  });
});

describe('closing', () => {
  test('commits what is queued and refuses what comes later', async () => {
    const { log } = await open();
    const queued = log.append(events(3));
    const closing = log.close();
    expect((await failure(log.append(events(1)))).code).toBe('log_unavailable');
    await closing;
    expect((await queued).events).toHaveLength(3);
  });

  test('a table nobody declared and a row without an id are faults of the caller', async () => {
    const { log } = await open();
    const wrong = log.append({
      events: [],
      mutations: [
        { op: 'put', table: 'nothing', row: { id: 'a' } },
        { op: 'put', table: 'thing', row: { id: '' } },
      ],
    });
    const error = await failure(wrong);
    expect(error.issues.map(({ path }) => path)).toEqual(['mutations.0.table', 'mutations.1.id']);
  });
});
