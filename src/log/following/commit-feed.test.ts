import { describe, expect, test } from 'vitest';
import type { LeadingLog } from '../create-log.ts';
import { createCommitFeed, type CommitFeed, type CommitFeedDeps } from './commit-feed.ts';
import type { FeedItem } from './leader.ts';
import { failure } from '../../kernel/testing/failure.ts';
import { events, openWriting, turn } from './testing/open-log.ts';
import { manualSeconds } from './testing/pair.ts';

const open = async (
  capacity?: CommitFeedDeps['capacity'],
): Promise<{ log: LeadingLog; feed: CommitFeed; tick: () => void }> => {
  const log = await openWriting();
  const { everySecond, tick } = manualSeconds();
  const feed = createCommitFeed({
    log,
    everySecond,
    ...(capacity !== undefined && { capacity }),
  });
  return { log, feed, tick };
};

const iterate = (items: AsyncIterable<FeedItem>): AsyncIterator<FeedItem> => items[Symbol.asyncIterator]();

const follow = (feed: CommitFeed, after?: number, epoch = 1): AsyncIterator<FeedItem> =>
  iterate(
    feed.follow({ epoch, signal: new AbortController().signal, ...(after !== undefined && { after }) }),
  );

const next = async (items: AsyncIterator<FeedItem>): Promise<FeedItem> => {
  const { value, done } = await items.next();
  if (done === true) throw new Error('The feed has ended');
  return value;
};

/** The sequences of the next commits. */
const commits = async (items: AsyncIterator<FeedItem>, count: number): Promise<number[]> => {
  const found: number[] = [];
  while (found.length < count) {
    const item = await next(items);
    if (item.kind === 'commit') found.push(item.sequence);
  }
  return found;
};

describe('the feed of commits', () => {
  test('says where it stands, then tells what is committed from then on, as listeners have it', async () => {
    const { log, feed } = await open();
    const told: unknown[] = [];
    log.onCommit((committed) => told.push(committed));
    await log.append(events(2));
    expect(feed.sequence()).toBe(1);
    const items = follow(feed);
    const { batch } = told[0] as { batch: string };
    const hello = { kind: 'hello', epoch: 1, sequence: 1, batch, head: 2, firstAvailable: 1 };
    expect(await next(items)).toEqual(hello);
    const waiting = next(items);
    await log.append(events(3));
    await log.append({ events: [], mutations: [{ op: 'put', table: 'thing', row: { id: 'a' } }] });
    const [, second, third] = told as { batch: string }[];
    expect(await waiting).toEqual({ kind: 'commit', sequence: 2, batch: second?.batch, committed: second });
    expect(await next(items)).toEqual({
      kind: 'commit',
      sequence: 3,
      batch: third?.batch,
      committed: third,
    });
    expect(feed.sequence()).toBe(3);
  });

  test('says of a store that was never written that it has no batch', async () => {
    const { feed } = await open();
    expect(await next(follow(feed))).toMatchObject({ sequence: 0, batch: null, head: 0 });
  });

  test('goes on after what was seen before, for each follower on its own', async () => {
    const { log, feed } = await open();
    const first = follow(feed);
    await next(first);
    for (let i = 0; i < 5; i += 1) await log.append(events(1));
    const second = follow(feed, 3);
    expect(await next(second)).toMatchObject({ kind: 'hello', sequence: 5 });
    expect(await commits(second, 2)).toEqual([4, 5]);
    expect(await commits(first, 5)).toEqual([1, 2, 3, 4, 5]);
  });

  test('is refused in another epoch, and to who has seen more than there is', async () => {
    const { log, feed } = await open();
    await log.append(events(1));
    for (const items of [follow(feed, undefined, 0), follow(feed, undefined, 2), follow(feed, 2)])
      expect((await failure(next(items))).code).toBe('fenced');
  });

  test('goes on in the next epoch of the same process, for those of the one before too', async () => {
    const log = await openWriting();
    let epoch = 4;
    const feed = createCommitFeed({
      log: { ...log, epoch: () => epoch },
      everySecond: () => () => undefined,
    });
    epoch = 6;
    for (const held of [4, 5, 6])
      expect(await next(follow(feed, undefined, held))).toMatchObject({ epoch: 6 });
    expect((await failure(next(follow(feed, undefined, 3)))).code).toBe('fenced');
    expect((await failure(next(follow(feed, undefined, 7)))).code).toBe('fenced');
  });

  test('drops a follower that reads too slowly: only the last commits are kept', async () => {
    const { log, feed } = await open({ commits: 3, bytes: 1e9 });
    const [slow, slower] = [follow(feed), follow(feed)];
    await Promise.all([next(slow), next(slower)]);
    for (let i = 0; i < 3; i += 1) await log.append(events(1));
    expect(await commits(slow, 1)).toEqual([1]);
    await log.append(events(1));
    expect(await commits(slow, 3)).toEqual([2, 3, 4]);
    expect(await failure(next(slower))).toMatchObject({
      code: 'fenced',
      message: 'Commit 1 of this process is not kept any more',
    });
    expect((await failure(next(follow(feed, 0)))).code).toBe('fenced');
    await next(follow(feed, 1));
  });

  test('keeps no more bytes than it may, and the newest commit whatever its size', async () => {
    const { log, feed } = await open({ commits: 100, bytes: 10_000 });
    const reader = follow(feed);
    await next(reader);
    for (let i = 0; i < 40; i += 1) await log.append(events(1));
    expect((await failure(next(follow(feed, 5)))).code).toBe('fenced');
    expect(await commits(follow(feed, 35), 5)).toEqual([36, 37, 38, 39, 40]);
    await log.append(events(200));
    expect(await commits(follow(feed, 40), 1)).toEqual([41]);
    expect((await failure(next(follow(feed, 39)))).code).toBe('fenced');
    await log.append(events(1));
    expect(await commits(follow(feed, 41), 1)).toEqual([42]);
  });

  test('is alive every second, also under load, and says why nothing can be written', async () => {
    const opened = await openWriting();
    const says: { problem?: string } = {};
    const log = { ...opened, problem: () => says.problem };
    const { everySecond, tick } = manualSeconds();
    const feed = createCommitFeed({ log, everySecond });
    const items = follow(feed);
    await next(items);
    const waiting = next(items);
    tick();
    expect(await waiting).toEqual({ kind: 'alive', problem: null });
    says.problem = 'The database is away';
    await log.append(events(1));
    await log.append(events(1));
    tick();
    expect(await next(items)).toEqual({ kind: 'alive', problem: 'The database is away' });
    expect(await commits(items, 2)).toEqual([1, 2]);
  });

  test('keeps nothing while nobody follows, but ten seconds for who was cut off', async () => {
    const { log, feed, tick } = await open();
    const left = new AbortController();
    const items = iterate(feed.follow({ epoch: 1, signal: left.signal }));
    await next(items);
    for (let second = 0; second < 20; second += 1) tick();
    await log.append(events(1));
    left.abort();
    expect(await items.next()).toMatchObject({ done: true });
    for (let second = 0; second < 9; second += 1) tick();
    await log.append(events(1));
    const back = follow(feed, 0);
    await next(back);
    expect(await commits(back, 2)).toEqual([1, 2]);
    await back.return?.();
    for (let second = 0; second < 10; second += 1) tick();
    await log.append(events(1));
    expect(feed.sequence()).toBe(3);
    for (const after of [1, 2]) expect((await failure(next(follow(feed, after)))).code).toBe('fenced');
    const anew = follow(feed);
    expect(await next(anew)).toMatchObject({ sequence: 3, head: 3 });
    await log.append(events(1));
    expect(await commits(anew, 1)).toEqual([4]);
  });

  test('ends when it is aborted; closed, it is nobody’s leader, and says so to those who wait', async () => {
    const { log, feed } = await open();
    const left = new AbortController();
    const aborted = iterate(feed.follow({ epoch: 1, signal: left.signal }));
    const items = follow(feed);
    await Promise.all([next(aborted), next(items)]);
    const [ending, waiting] = [aborted.next(), failure(next(items))];
    await turn();
    left.abort();
    expect(await ending).toMatchObject({ done: true });
    feed.close();
    expect((await waiting).code).toBe('fenced');
    expect((await failure(next(follow(feed)))).code).toBe('fenced');
    expect(feed.leads(1)).toBe(false);
    await log.append(events(1));
    expect(feed.sequence()).toBe(0);
  });
});
