import { describe, expect, test } from 'vitest';
import { sampleEvent } from '../../../test/support/sample-events.ts';
import { CrucibleError } from '../../kernel/errors.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { LeadingLog } from '../create-log.ts';
import type { AppendRequest, Committed, ReplayItem } from '../log.ts';
import { createMemoryDisk, type MemoryDisk } from '../memory-store.ts';
import type { LogStore } from '../store.ts';
import { openFollowedLog, type FollowedLog } from './followed-log.ts';
import type { FeedItem, Leader } from './leader.ts';
import { failure } from '../../kernel/testing/failure.ts';
import { shownFirst } from '../testing/shown-first.ts';
import { clock, events, openDisk, openWriting, turn } from './testing/open-log.ts';
import { createNearLeader, impatient, manualTime, type NearLeader } from './testing/pair.ts';

interface Opened {
  readonly writing: LeadingLog;
  readonly leader: NearLeader;
  readonly disk: MemoryDisk;
  readonly followed: FollowedLog;
}

/** A log and one that follows it. `before`: written before it does. */
const open = async (
  options: {
    readonly before?: number;
    readonly after?: Parameters<typeof openFollowedLog>[0]['after'];
    /** The store of the one that writes. */
    readonly wrap?: (store: LogStore) => LogStore;
    readonly begin?: false;
  } = {},
): Promise<Opened> => {
  const disk = createMemoryDisk();
  const store = openDisk(disk);
  const writing = await openWriting(options.wrap?.(store) ?? store);
  const leader = createNearLeader(writing);
  if (options.before !== undefined) await writing.append(events(options.before));
  const followed = await follow(disk, leader, options.after);
  if (options.begin !== false) await followed.begin();
  return { writing, leader, disk, followed };
};

const following = { epoch: 1, clock, logger: silentLogger, after: impatient };

const follow = (
  disk: MemoryDisk,
  leader: Leader,
  after: Parameters<typeof openFollowedLog>[0]['after'] = impatient,
): Promise<FollowedLog> => openFollowedLog({ ...following, store: openDisk(disk), leader, after });

const listen = (log: FollowedLog | LeadingLog): Committed[] => {
  const told: Committed[] = [];
  log.onCommit((committed) => told.push(committed));
  return told;
};

const put = (id: string, n: number): AppendRequest => ({
  events: [],
  mutations: [{ op: 'put', table: 'thing', row: { id, n } }],
});

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await turn();
};

describe('a log that follows', () => {
  test('tells its listeners of each commit, whoever wrote it, in the turn in which its head moves', async () => {
    const { writing, followed } = await open({ before: 2 });
    const heads: number[] = [];
    const [told, expected] = [listen(followed), listen(writing)];
    followed.onCommit(() => heads.push(followed.head()));
    expect(followed.head()).toBe(2);
    await writing.append(events(3));
    await followed.append(events(1));
    await followed.append(put('a', 1));
    await followed.append({ events: [], mutations: [{ op: 'remove', table: 'thing', id: 'a' }] });
    expect(told).toEqual(expected);
    expect(heads).toEqual([5, 6, 6, 6]);
    expect(followed.applied()).toBe(5);
  });

  test('has applied what it has appended, with or without events, when that has its answer', async () => {
    const { followed, leader } = await open();
    const told = listen(followed);
    const { events: stored } = await followed.append(events(2));
    expect(followed.head()).toBe(2);
    expect(await followed.at(2)).toEqual(stored[1]);
    await followed.append(put('a', 1));
    expect(told).toHaveLength(2);
    expect(new Set(leader.sent.map(({ id }) => id)).size).toBe(2);
    expect(leader.sent.every(({ epoch }) => epoch === 1)).toBe(true);
  });

  test('passes on what the one that writes refuses', async () => {
    const { followed } = await open();
    const expect2 = { ...events(1), expect: [{ subject: 's', world: 'default', version: 2 }] };
    const refused = await failure(followed.append(expect2));
    expect(refused).toMatchObject({ code: 'expectation_failed', issues: [{ path: 'expect.0.version' }] });
  });

  test('sends nothing that only the one that writes may append', async () => {
    const { followed, leader } = await open();
    for (const request of [
      { ...events(1), changes: [{ kind: 'hook' }] },
      { ...events(1), ticket: { outcome: 'waiting' as const } },
      { ...events(1), after: [] },
    ])
      expect((await failure(followed.append(request))).code).toBe('internal');
    expect(leader.sent).toEqual([]);
    await followed.append({ ...events(1), changes: [] });
  });

  test('shows nothing beyond its head, though the store has it already', async () => {
    const { writing, followed, leader } = await open({ before: 1 });
    leader.cut();
    const { events: stored } = await writing.append(events(2));
    const [, last] = stored;
    const seen = async (): Promise<unknown> => [
      followed.head(),
      (await followed.query({})).data.length,
      await followed.at(3),
      await followed.get(last?.id ?? ''),
      await followed.positionAt(clock.now()),
    ];
    expect(await seen()).toEqual([1, 1, undefined, undefined, 1]);
    await followed.untilApplied(2, 1_000);
    expect(await seen()).toEqual([3, 3, last, last, 3]);
  });

  test('upcasts what it was told of and what it reads', async () => {
    const { writing, leader, disk } = await open({ before: 1 });
    const upcast = (event: Parameters<NonNullable<typeof given>>[0]) => ({ ...event, version: '9.0.0' });
    const given: Parameters<typeof openFollowedLog>[0]['upcast'] = upcast;
    const followed = await openFollowedLog({ ...following, store: openDisk(disk), leader, upcast: given });
    await followed.begin();
    await writing.append(events(1));
    await followed.untilApplied(2, 1_000);
    expect((await followed.query({})).data.map(({ version }) => version)).toEqual(['9.0.0', '9.0.0']);
    expect((await followed.at(2))?.version).toBe('9.0.0');
  });
});

describe('its start', () => {
  test('keeps what comes until it begins: caches that are filled meanwhile miss nothing', async () => {
    const { writing, followed } = await open({ before: 1, begin: false });
    await writing.append(events(2));
    const told = listen(followed);
    await writing.append(put('a', 1));
    await turn();
    expect([told.length, followed.head(), followed.applied()]).toEqual([0, 1, 1]);
    expect((await followed.query({})).data).toHaveLength(1);
    await followed.settled();
    await followed.begin();
    expect(told.map(({ events: its }) => its.length)).toEqual([2, 0]);
    expect([followed.head(), followed.applied()]).toEqual([3, 3]);
    await followed.append(events(1));
    expect(told).toHaveLength(3);
  });

  test('has begun when all is acknowledged that its caches may have read', async () => {
    const { wrap, shown, sync } = shownFirst();
    const { writing, followed } = await open({
      begin: false,
      wrap,
    });
    const appended = writing.append(put('a', 1));
    await shown;
    expect(await followed.records.get('thing', 'a')).toMatchObject({ n: 1 });
    let begun = false;
    const beginning = followed.begin().then(() => (begun = true));
    await turn();
    expect(begun).toBe(false);
    sync();
    await beginning;
    expect(followed.applied()).toBe(1);
    await appended;
  });

  test('ends the session when more comes meanwhile than may wait', async () => {
    const { disk, leader, writing } = await open();
    const store = openDisk(disk);
    const followed = await openFollowedLog({ ...following, store, leader, mostBeforeBegin: 5 });
    await writing.append(events(3));
    await turn();
    expect(followed.problem()).toBeUndefined();
    await writing.append(put('a', 1));
    const over = await followed.over;
    expect(over).toMatchObject({ code: 'log_unavailable' });
    expect(await failure(followed.begin())).toBe(over);
  });

  test('fails when the other one does not write in that epoch, or says nothing', async () => {
    const disk = createMemoryDisk();
    const writing = await openWriting(openDisk(disk));
    const leader = createNearLeader(writing);
    leader.close();
    expect((await failure(follow(disk, leader))).code).toBe('fenced');
    const time = manualTime();
    const refused = new CrucibleError('unauthenticated', 'The key is another one');
    const mute: Leader = { ...leader, follow: async function* () {} };
    const refusing: Leader = {
      ...leader,
      follow() {
        throw refused;
      },
    };
    for (const [other, cause] of [
      [mute, undefined],
      [refusing, refused],
    ] as const) {
      const opening = failure(follow(disk, other, time.after));
      for (let ms = 0; ms < 5_000; ms += 100) {
        await turn();
        time.pass(100);
      }
      const error = await opening;
      expect(error).toMatchObject({ code: 'log_unavailable', retryAfterMs: 1_000 });
      expect(error.cause).toBe(cause);
      expect(error.message).toContain(`at ${leader.url}, has given no word for 5 s`);
      expect(error.message.endsWith(': The key is another one')).toBe(cause !== undefined);
    }
  });
});

describe('settled', () => {
  test('waits for the commit that the store shows already, and so for its event', async () => {
    const { wrap, shown, sync } = shownFirst();
    const { writing, followed } = await open({
      wrap,
    });
    await followed.settled();
    const appended = writing.append({
      events: [sampleEvent()],
      mutations: [{ op: 'insert', table: 'thing', row: { id: 'a' } }],
    });
    await shown;
    expect(await followed.records.get('thing', 'a')).toEqual({ id: 'a' });
    expect(followed.head()).toBe(0);
    const settled = followed.settled().then(() => followed.head());
    const asked = Promise.all([followed.settled(), followed.settled()]).then(() => followed.head());
    await turn();
    sync();
    expect([await settled, await asked]).toEqual([1, 1]);
    await appended;
  });

  test('is waited for before a repeat is answered', async () => {
    const { wrap, shown, sync } = shownFirst();
    const { writing, followed } = await open({
      wrap,
    });
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    const appended = writing.append({ ...events(1), idempotency });
    await shown;
    const asked = followed.answered(idempotency);
    await turn();
    sync();
    expect((await asked)?.events).toEqual((await appended).events);
  });

  test('leaves nothing behind', async () => {
    const time = manualTime();
    const { writing, followed } = await open({ after: time.after });
    for (let i = 1; i < 6; i += 2) {
      const applied = followed.untilApplied(i, 60_000);
      await writing.append(events(1));
      await followed.append(events(1));
      await followed.settled();
      await applied;
    }
    // The one that waits for the next word.
    expect(time.due()).toBe(1);
    await followed.close();
    expect(time.due()).toBe(0);
  });

  test('waits for commits that were written while the connection was cut, of rows alone too', async () => {
    const { writing, followed, leader } = await open({ before: 1 });
    leader.cut();
    await writing.append(put('a', 1));
    await writing.append({ events: [], mutations: [{ op: 'remove', table: 'thing', id: 'a' }] });
    expect(followed.applied()).toBe(1);
    await followed.settled();
    expect(followed.applied()).toBe(3);
  });

  test('fails after five seconds when it is not told of what the store shows', async () => {
    const time = manualTime();
    const { disk, leader, followed } = await open({ before: 1, after: time.after });
    disk.batch = 'cmt_of_somebody_else';
    const settling = failure(followed.settled());
    for (let second = 0; second < 5; second += 1) {
      await turn();
      leader.tick();
      await turn();
      time.pass(1_000);
    }
    expect((await settling).code).toBe('log_unavailable');
    expect(followed.problem()).toBeUndefined();
  });
});

describe('a session', () => {
  const second = async (time: ReturnType<typeof manualTime>): Promise<void> => {
    for (let ms = 0; ms < 1_000; ms += 100) {
      await turn();
      time.pass(100);
    }
  };

  test('goes on where it was cut', async () => {
    const { writing, followed, leader } = await open();
    const [told, expected] = [listen(followed), listen(writing)];
    for (let i = 0; i < 5; i += 1) {
      await writing.append(events(1));
      leader.cut();
      await writing.append(put('a', i));
      await followed.append(events(1));
    }
    expect(told).toEqual(expected);
    expect(told).toHaveLength(15);
  });

  test('lasts while the one that writes gives a sign each second, and is over five seconds after the last one', async () => {
    const time = manualTime();
    const { followed, leader, writing } = await open({ before: 3, after: time.after });
    for (let i = 0; i < 20; i += 1) {
      leader.tick();
      await second(time);
    }
    expect(followed.problem()).toBeUndefined();
    const tail = followed.tail({ after: 3, signal: new AbortController().signal })[Symbol.asyncIterator]();
    expect((await tail.next()).value).toEqual({ kind: 'caught_up', position: 3 });
    const tailing = failure(tail.next());
    for (let i = 0; i < 3; i += 1) await second(time);
    await followed.settled();
    await second(time);
    const over = await followed.over;
    expect(over).toMatchObject({ code: 'log_unavailable' });
    expect(followed.problem()).toBe(over.message);
    expect(await tailing).toBe(over);
    const signal = new AbortController().signal;
    const replayed = (): Promise<IteratorResult<ReplayItem>> =>
      followed.replay({ after: 0, signal })[Symbol.asyncIterator]().next();
    for (const read of [
      () => followed.query({}),
      () => followed.at(3),
      () => followed.get('evt_x'),
      () => followed.trace('cor_x', {}),
      () => followed.positionAt(5),
      () => followed.answered({ scope: 's', key: 'k', hash: 'h' }),
      () => followed.records.get('thing', 'a'),
      () => followed.records.getMany('thing', ['a']),
      () => followed.records.list('thing', { limit: 1 }),
      () => followed.records.byIndex({ table: 'thing', index: 'x', equals: [], limit: 1 }),
      () => followed.records.search({ table: 'thing', text: 'x', within: [], limit: 1 }),
      () => followed.settled(),
      () => followed.untilApplied(1, 1_000),
      () => followed.append(events(1)),
      () => followed.begin(),
      replayed,
    ])
      expect(await failure(read())).toBe(over);
    await writing.append(events(1));
    await turn();
    expect(followed.head()).toBe(3);
  });

  test('gives away no answer that the store gave after its end', async () => {
    const disk = createMemoryDisk();
    const writing = await openWriting(openDisk(disk));
    const leader = createNearLeader(writing);
    const answering = Promise.withResolvers<void>();
    const store: LogStore = {
      ...openDisk(disk),
      async getRows() {
        await answering.promise;
        return [{ id: 'key', revoked: false }];
      },
    };
    const followed = await openFollowedLog({ ...following, store, leader });
    await followed.begin();
    const reading = failure(followed.records.get('thing', 'key'));
    leader.close();
    const over = await followed.over;
    answering.resolve();
    expect(await reading).toBe(over);
  });

  test('is over at once when the one that writes says that it does so no more', async () => {
    const { followed, leader } = await open();
    leader.close();
    expect((await followed.over).code).toBe('fenced');
    const other = await open();
    const refusing: Leader = {
      ...other.leader,
      append: () => Promise.reject(new CrucibleError('fenced', 'Another one writes')),
    };
    const second = await follow(other.disk, refusing);
    await second.begin();
    expect((await failure(second.append(events(1)))).code).toBe('fenced');
    expect((await second.over).message).toBe('Another one writes');
  });

  test('is over when it was away for so long that its next commit is not kept', async () => {
    const writing = await openWriting();
    const leader = createNearLeader(writing, { capacity: { commits: 2, bytes: 1e9 } });
    const followed = await follow(createMemoryDisk(), leader);
    leader.cut();
    for (let i = 0; i < 3; i += 1) await writing.append(events(1));
    expect((await followed.over).code).toBe('fenced');
    expect(followed.head()).toBe(0);
  });

  test('is over when a commit is missing or comes twice, and does not apply it', async () => {
    // What this feed says after its fault, though it was told to end, is not applied either.
    for (const sequences of [
      [1, 3, 2],
      [1, 1, 2],
    ]) {
      const { disk, leader } = await open();
      const begun = Promise.withResolvers<void>();
      const breaking: Leader = {
        ...leader,
        async *follow({ signal }): AsyncGenerator<FeedItem> {
          yield { kind: 'hello', epoch: 1, sequence: 0, batch: null, head: 0, firstAvailable: 1 };
          await begun.promise;
          for (const sequence of sequences) {
            const committed: Committed = { batch: 'b', events: [], reactions: [], changed: [], removed: [] };
            yield { kind: 'commit', sequence, batch: 'b', committed };
          }
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      };
      const followed = await follow(disk, breaking);
      const told = listen(followed);
      await followed.begin();
      begun.resolve();
      expect(await followed.over).toMatchObject({
        code: 'internal',
        message: expect.stringContaining(`told of commit ${sequences[1]} after 1`),
      });
      await turn();
      expect(told).toHaveLength(1);
    }
  });

  test('says what the one that writes says of itself', async () => {
    const { leader, disk } = await open();
    const said: (string | null)[] = ['The database is away', null];
    const saying: Leader = {
      ...leader,
      async *follow(options): AsyncGenerator<FeedItem> {
        for await (const item of leader.follow(options))
          yield item.kind === 'alive' ? { kind: 'alive', problem: said.shift() ?? null } : item;
      },
    };
    const followed = await follow(disk, saying);
    await followed.begin();
    leader.tick();
    await until(() => followed.problem() === 'The database is away');
    leader.tick();
    await until(() => followed.problem() === undefined);
    expect(said).toEqual([]);
  });

  test('ended by us refuses what comes, lets go who waits, ends tails without a word, and is not over', async () => {
    const { followed, writing } = await open({ before: 1 });
    let over = false;
    void followed.over.then(() => (over = true));
    const items: ReplayItem[] = [];
    const tailing = (async () => {
      for await (const item of followed.tail({ after: 0, signal: new AbortController().signal }))
        items.push(item);
    })();
    const waiting = failure(followed.untilApplied(9, 1_000));
    await until(() => items.length === 2);
    await followed.close();
    await tailing;
    expect((await waiting).code).toBe('log_unavailable');
    expect((await failure(followed.append(events(1)))).code).toBe('log_unavailable');
    await writing.append(events(1));
    await turn();
    expect([followed.head(), over]).toEqual([1, false]);
  });
});

describe('an append that gets no answer', () => {
  test('is sent again under the same id, and is there once, whether it had come or not', async () => {
    const { followed, writing, leader } = await open();
    for (const lost of ['answer', 'request'] as const) {
      leader.loseNext(lost);
      leader.loseNext(lost);
      await followed.append(events(1));
    }
    expect(writing.head()).toBe(2);
    expect(leader.sent).toHaveLength(6);
    expect(new Set(leader.sent.map(({ id }) => id)).size).toBe(2);
  });

  test('fails after five seconds', async () => {
    const time = manualTime();
    const { followed, leader, writing } = await open({ after: time.after });
    const appending = failure(
      (async () => {
        for (let i = 0; i < 1_000; i += 1) leader.loseNext('request');
        return followed.append(events(1));
      })(),
    );
    for (let ms = 0; ms < 5_200; ms += 100) {
      if (ms % 1_000 === 0) leader.tick();
      await turn();
      time.pass(100);
    }
    expect((await appending).code).toBe('log_unavailable');
    expect(leader.sent.length).toBeGreaterThan(40);
    expect(writing.head()).toBe(0);
    expect(followed.problem()).toBeUndefined();
  });

  test('fails with the end of the session, also while its answer is waited for', async () => {
    const { disk, leader } = await open();
    const hanging: Leader = { ...leader, append: () => new Promise(() => undefined) };
    const followed = await follow(disk, hanging);
    await followed.begin();
    const appending = failure(followed.append(events(1)));
    leader.close();
    expect(await appending).toBe(await followed.over);
  });

  test('is not sent again when the one that writes has a trouble of its own', async () => {
    const { disk, leader } = await open();
    const troubled: Leader = {
      ...leader,
      async *follow(options): AsyncGenerator<FeedItem> {
        for await (const item of leader.follow(options))
          yield item.kind === 'alive' ? { kind: 'alive', problem: 'The database is away' } : item;
      },
    };
    const followed = await follow(disk, troubled);
    await followed.begin();
    leader.tick();
    await until(() => followed.problem() !== undefined);
    for (let i = 0; i < 10; i += 1) leader.loseNext('request');
    expect((await failure(followed.append(events(1)))).code).toBe('log_unavailable');
    expect(leader.sent).toHaveLength(1);
  });
});
