import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLeaderClient, type LeaderClient } from '../../../src/internal/client.ts';
import { createInternalServer } from '../../../src/internal/server.ts';
import { openCuttable, type Cuttable } from '../../../src/internal/testing/cuttable.ts';
import { KEY } from '../../../src/internal/testing/open-leader.ts';
import { isCrucibleError } from '../../../src/kernel/errors.ts';
import { silentLogger } from '../../../src/kernel/logger.ts';
import { createLog, idleReactor, type LeadingLog } from '../../../src/log/create-log.ts';
import { createCommitFeed, type CommitFeedDeps } from '../../../src/log/following/commit-feed.ts';
import { openFollowedLog, type FollowedLog } from '../../../src/log/following/followed-log.ts';
import { createSentAppends } from '../../../src/log/following/sent-appends.ts';
import type { Committed } from '../../../src/log/log.ts';
import { createMemoryDisk, createMemoryStore } from '../../../src/log/memory-store.ts';
import { sampleEvent } from '../../support/sample-events.ts';
import { TABLES, type Database, type StoreHarness } from './harness.ts';
import { describeLog, type OpenLog } from './log-contract.ts';

/*
 * A log that follows another over the internal listener, with sockets between: it keeps the contract of the log, and
 * whatever is cut, nothing is lost, told twice or written twice.
 */

const memory: StoreHarness = {
  name: 'memory, followed over HTTP',
  async database() {
    const disk = createMemoryDisk();
    return { store: async () => createMemoryStore({ tables: TABLES, disk }) };
  },
};

interface Listening extends AsyncDisposable {
  readonly url: string;
  readonly writing: LeadingLog;
  /** One is called for each sent append, when it is under way and has no answer yet. */
  readonly onArrival: (() => void)[];
}

const clockOf = (now: number) => ({ now: () => now });

const listen = async (
  database: Database,
  clock: { now(): number },
  options: Pick<CommitFeedDeps, 'capacity'> = {},
): Promise<Listening> => {
  const writing = await createLog({
    store: await database.store(),
    reactor: idleReactor,
    clock,
    logger: silentLogger,
  });
  const feed = createCommitFeed({ log: writing, everySecond: () => () => undefined, ...options });
  const appends = createSentAppends({ log: writing, feed });
  const onArrival: (() => void)[] = [];
  const server = createInternalServer({ key: KEY, logger: silentLogger });
  server.open({
    feed,
    appends: {
      append: (sent) => {
        const appended = appends.append(sent);
        onArrival.pop()?.();
        return appended;
      },
    },
    drains: { take: async () => undefined, stopped: true },
    agents: { call: async () => ({ kind: 'none', code: 'not_connected', message: 'nobody is' }) },
    forward: (_, res) => void res.end(),
  });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    writing,
    onArrival,
    async [Symbol.asyncDispose]() {
      await server.close(0);
      feed.close();
      await writing.close();
    },
  };
};

const follow = async (
  database: Database,
  leader: LeaderClient,
  epoch: number,
  clock: { now(): number },
): Promise<FollowedLog> =>
  openFollowedLog({ store: await database.store(), leader, epoch, clock, logger: silentLogger });

const openFollowing: OpenLog = async (database, clock) => {
  const listening = await listen(database, clock);
  const leader = createLeaderClient({ url: listening.url, key: KEY });
  const followed = await follow(database, leader, listening.writing.epoch(), clock);
  await followed.begin();
  return {
    ...followed,
    async close() {
      await followed.close();
      await leader.close();
      await listening[Symbol.asyncDispose]();
    },
  };
};

describeLog(memory, openFollowing);

interface Follower extends AsyncDisposable {
  readonly log: FollowedLog;
  readonly wire: Cuttable;
  readonly told: Committed[];
}

const openFollower = async (database: Database, url: string): Promise<Follower> => {
  const wire = await openCuttable(url);
  const client = createLeaderClient({ url: wire.url, key: KEY });
  const log = await follow(database, client, 1, clockOf(1_000));
  const told: Committed[] = [];
  log.onCommit((committed) => told.push(committed));
  await log.begin();
  return {
    log,
    wire,
    told,
    async [Symbol.asyncDispose]() {
      await log.close();
      await client.close();
      await wire.close();
    },
  };
};

const step = fc.record({
  /** Who appends; 0: the one that writes. */
  by: fc.nat(2),
  events: fc.nat(3),
  /** Whose wire is cut while they do, and when: at once, or when something sent has arrived and is not answered. */
  cut: fc.option(fc.record({ whose: fc.nat(1), arrived: fc.boolean() }), { freq: 3 }),
});

describe('followers whose wires are cut at random', () => {
  test('are told of each commit once and in order, and what they append is written once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { maxLength: 5 }),
        async (rounds) => {
          const database = await memory.database();
          await using listening = await listen(database, clockOf(1_000));
          const { writing, url, onArrival } = listening;
          const expected: Committed[] = [];
          writing.onCommit((committed) => expected.push(committed));
          await using first = await openFollower(database, url);
          await using second = await openFollower(database, url);
          const followers = [first, second];
          const logs = [writing, first.log, second.log];

          const appended: string[] = [];
          for (const steps of rounds) {
            const answers = steps.map(async ({ by, events, cut }) => {
              const made = Array.from({ length: events + 1 }, () => sampleEvent());
              const answer = logs[by]?.append({ events: made });
              if (cut !== null) {
                const act = (): void => followers[cut.whose]?.wire.cut();
                if (cut.arrived) onArrival.push(act);
                else setImmediate(act);
              }
              const ids = (await answer)?.events.map(({ id }) => id);
              expect(ids).toEqual(made.map(({ id }) => id));
              appended.push(...made.map(({ id }) => id));
            });
            await Promise.all(answers);
          }

          const ids = (commits: readonly Committed[]): readonly string[] =>
            commits.flatMap(({ events }) => events.map(({ id }) => id));
          await Promise.all(followers.map(({ log }) => log.untilApplied(expected.length, 20_000)));
          expect(ids(expected).toSorted()).toEqual(appended.toSorted());
          for (const { told, log } of followers) {
            expect(told).toEqual(expected);
            expect(log.head()).toBe(writing.head());
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test('are dropped when they do not read on, and hold nothing', async () => {
    const database = await memory.database();
    const capacity = { commits: 4, bytes: 64 * 1024 * 1024 };
    await using listening = await listen(database, clockOf(1_000), { capacity });
    const { writing } = listening;
    const client = createLeaderClient({ url: listening.url, key: KEY });
    const { signal } = new AbortController();
    const items = client.follow({ epoch: writing.epoch(), signal })[Symbol.asyncIterator]();
    expect((await items.next()).value).toMatchObject({ kind: 'hello' });
    const text = 'x'.repeat(1024 * 1024);
    const commits = 60;
    for (let i = 0; i < commits; i += 1)
      await writing.append({
        events: [],
        mutations: [{ op: 'put', table: 'plain', row: { id: 'r', text } }],
      });
    const sequences: number[] = [];
    const readOn = async (): Promise<void> => {
      for (;;) {
        const { value } = await items.next();
        if (value?.kind === 'commit') sequences.push(value.sequence);
      }
    };
    await expect(readOn()).rejects.toMatchObject({ code: 'fenced' });
    // What had been on its way, without a gap.
    expect(sequences).toEqual(sequences.map((_, i) => i + 1));
    expect(sequences.length).toBeLessThan(commits);
    await client.close();
  });

  test('end when the one that writes is another one, at the same place', async () => {
    const database = await memory.database();
    await using listening = await listen(database, clockOf(1_000));
    const other = await memory.database();
    // It has written before, so its epoch is another one.
    await (await listen(other, clockOf(1_000)))[Symbol.asyncDispose]();
    await using next = await listen(other, clockOf(1_000));
    expect(next.writing.epoch()).toBeGreaterThan(listening.writing.epoch());
    const client = createLeaderClient({ url: next.url, key: KEY });
    await expect(follow(database, client, listening.writing.epoch(), clockOf(1_000))).rejects.toSatisfy(
      (error) => isCrucibleError(error, 'fenced'),
    );
    const sent = { id: 'req_1', epoch: listening.writing.epoch(), request: { events: [sampleEvent()] } };
    await expect(client.append(sent)).rejects.toSatisfy((error) => isCrucibleError(error, 'fenced'));
    expect(next.writing.head()).toBe(0);
    await client.close();
  });
});
