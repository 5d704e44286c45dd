import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.ts';
import type { CrucibleError } from '../../../src/kernel/errors.ts';
import { silentLogger, type Logger } from '../../../src/kernel/logger.ts';
import { createLog, idleReactor } from '../../../src/log/create-log.ts';
import { openFollowedLog } from '../../../src/log/following/followed-log.ts';
import { createNearLeader } from '../../../src/log/following/testing/pair.ts';
import type { Committed, Log } from '../../../src/log/log.ts';
import type { LogLimits } from '../../../src/log/limits.ts';
import type { LogStore } from '../../../src/log/store.ts';
import { openFollowedStore, openSurrealStore } from '../../../src/surreal/surreal-store.ts';
import { sampleEvent } from '../../support/sample-events.ts';
import { startSurrealServer, surrealBinary, type SurrealServer } from '../../support/surreal-server.ts';
import { TABLES } from './harness.ts';
import { failure } from '../../../src/kernel/testing/failure.ts';
import { describeLog } from './log-contract.ts';
import { openFollowing } from './open-following.ts';
import { describeStore } from './store-contract.ts';
import { describeText } from './text-contract.ts';
import { describeSurreal } from './surreal-contract.ts';
import { surrealHarness } from './surreal-harness.ts';

/** Resolves with the first commit after which it is so. */
const untilCommit = (log: Pick<Log, 'onCommit'>, isSo: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const ended = log.onCommit(() => {
      if (!isSo()) return;
      ended();
      resolve();
    });
  });

const binary = surrealBinary();
const why =
  binary === undefined ? ' (skipped: no `surreal` on the PATH, and CRUCIBLE_TEST_SURREAL names none)' : '';

describe.skipIf(binary === undefined)(`with a SurrealDB server${why}`, () => {
  const running = Promise.withResolvers<SurrealServer>();
  beforeAll(async () => running.resolve(await startSurrealServer(binary ?? '')));
  afterAll(async () => (await running.promise)[Symbol.asyncDispose]());

  const harness = surrealHarness('a SurrealDB server', async () => (await running.promise).url);
  describeStore(harness);
  describeLog(harness);
  describeLog({ ...harness, name: `${harness.name}, followed` }, openFollowing);
  describeText(harness);
  describeSurreal(harness);
});

describe.skipIf(binary === undefined)(`a SurrealDB server that fails, and other writers${why}`, () => {
  const place = ({ url }: SurrealServer) => ({
    url,
    user: 'root',
    pass: 'root',
    namespace: 'crucible',
    database: 'main',
  });
  const openStore = (server: SurrealServer, holder: string): Promise<LogStore> =>
    openSurrealStore({
      ...place(server),
      tables: TABLES,
      holder,
      logger: silentLogger,
    });
  const open = async (
    store: LogStore,
    limits: Partial<LogLimits> = {},
    logger: Logger = silentLogger,
  ): Promise<{ log: Log; fatal: Promise<CrucibleError> }> => {
    const fatal = Promise.withResolvers<CrucibleError>();
    const log = await createLog({
      store,
      reactor: idleReactor,
      clock: systemClock,
      logger,
      limits,
      onFatal: fatal.resolve,
    });
    return { log, fatal: fatal.promise };
  };

  test('a lease that is good keeps another writer out; released, it lets it in, and the old one is fenced off', async () => {
    await using server = await startSurrealServer(binary ?? '');
    const first = await open(await openStore(server, 'one'));
    await first.log.append({ events: [sampleEvent()] });
    const store = await openStore(server, 'two');
    const refused = await failure(store.acquire());
    expect(refused).toMatchObject({ code: 'fenced', retryAfterMs: expect.any(Number) });
    expect(refused.retryAfterMs).toBeLessThanOrEqual(10_000);
    await first.log.close();
    const second = await open(store);
    expect(second.log.head()).toBe(1);
    const again = await openSurrealStore({
      ...place(server),
      tables: TABLES,
      holder: 'three',
      logger: silentLogger,
      takeover: true,
    });
    const third = await open(again);
    expect((await failure(second.log.append({ events: [sampleEvent()] }))).code).toBe('fenced');
    expect((await second.fatal).code).toBe('fenced');
    await third.log.append({ events: [sampleEvent()] });
    expect(third.log.head()).toBe(2);
    await Promise.all([second.log.close(), third.log.close()]);
  });

  test('the server is killed under load and comes back: nothing acknowledged is lost, nothing stands twice', async () => {
    await using server = await startSurrealServer(binary ?? '');
    const { log } = await open(await openStore(server, 'one'));
    const acknowledged = new Map<string, number>();
    const refused: string[] = [];
    let stop = false;
    const publish = async (): Promise<void> => {
      while (!stop) {
        const events = [sampleEvent(), sampleEvent()];
        try {
          const { events: stored } = await log.append({ events });
          for (const { id, position } of stored) acknowledged.set(id, position);
        } catch {
          refused.push(...events.map(({ id }) => id));
        }
      }
    };
    const publishers = Array.from({ length: 8 }, publish);
    for (let round = 0; round < 5; round += 1) {
      const enough = acknowledged.size + 100;
      await untilCommit(log, () => acknowledged.size >= enough);
      await server.kill();
      await server.start();
    }
    stop = true;
    await Promise.all(publishers);
    const stored = new Map<string, number>();
    for await (const item of log.replay({ after: 0 })) {
      if (item.kind === 'event') stored.set(item.event.id, item.event.position);
    }
    expect(stored.size).toBe(log.head());
    expect([...stored.values()]).toEqual(Array.from({ length: stored.size }, (_, i) => i + 1));
    for (const [id, position] of acknowledged) expect(stored.get(id)).toBe(position);
    expect(refused).toEqual([]);
    await log.close();
  });

  test('a follower goes on over a killed server: it is told of every commit once, and the next one finds the same writer', async () => {
    await using server = await startSurrealServer(binary ?? '');
    const given = { clock: systemClock, logger: silentLogger };
    const url = 'http://one.internal:7000';
    const writing = await createLog({
      ...given,
      store: await openStore(server, 'one'),
      reactor: idleReactor,
      url,
    });
    const leader = createNearLeader(writing);
    const alive = setInterval(() => leader.tick(), 500);
    const store = await openFollowedStore({ ...place(server), tables: TABLES, logger: silentLogger });
    const record = await store.leader();
    expect(record).toMatchObject({ epoch: 1, url });
    const followed = await openFollowedLog({ ...given, store, leader, epoch: 1 });
    const [committed, told]: [Committed[], Committed[]] = [[], []];
    writing.onCommit((its) => committed.push(its));
    followed.onCommit((its) => told.push(its));
    await followed.begin();
    const acknowledged: number[] = [];
    let stop = false;
    const publish = async (name: string): Promise<void> => {
      for (let n = 0; !stop; n += 1) {
        const row = { id: name, n };
        const mutations = [{ op: 'put', table: 'plain', row } as const];
        const { events } = await followed.append({ events: [sampleEvent()], mutations });
        acknowledged.push(...events.map(({ position }) => position));
        expect(await followed.records.get('plain', name)).toEqual(row);
      }
    };
    const publishers = ['a', 'b', 'c', 'd'].map(publish);
    for (let round = 0; round < 2; round += 1) {
      const enough = told.length + 50;
      await untilCommit(followed, () => told.length >= enough);
      await server.kill();
      await server.start();
    }
    stop = true;
    await Promise.all(publishers);
    await followed.settled();
    expect(told).toEqual(committed);
    expect(followed.head()).toBe(writing.head());
    expect(acknowledged.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: writing.head() }, (_, i) => i + 1),
    );
    const later = await store.leader();
    expect(later).toMatchObject({ epoch: writing.epoch(), url });
    const next = await openFollowedLog({ ...given, store, leader, epoch: later?.epoch ?? 0 });
    await next.begin();
    expect(next.head()).toBe(writing.head());
    await Promise.all([next.close(), followed.close()]);
    clearInterval(alive);
    leader.close();
    await writing.close();
    expect((await store.leader())?.leaseMs).toBeLessThanOrEqual(0);
    await store.close();
  });

  test('while the server is away requests are refused; when it is back the log is, and what was in doubt is decided', async () => {
    await using server = await startSurrealServer(binary ?? '');
    const writable = Promise.withResolvers<void>();
    const logger: Logger = {
      ...silentLogger,
      info: (_fields, message) => {
        if (message.includes('writable again')) writable.resolve();
      },
    };
    const limits = { commitTimeoutMs: 300, recoverWithinMs: 2_000 };
    const { log } = await open(await openStore(server, 'one'), limits, logger);
    await log.append({ events: [sampleEvent()] });
    await server.kill();
    const doubtful = sampleEvent();
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    expect((await failure(log.append({ events: [doubtful], idempotency }))).code).toBe('log_unavailable');
    expect((await failure(log.append({ events: [sampleEvent()] }))).code).toBe('log_unavailable');
    await server.start();
    await writable.promise;
    const repeat = await log.append({ events: [doubtful], idempotency });
    expect(repeat.events.map(({ position }) => position)).toEqual([2]);
    const { events } = await log.append({ events: [sampleEvent()] });
    expect(events[0]?.position).toBe(3);
    await log.close();
  });
});
