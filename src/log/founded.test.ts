import { describe, expect, test } from 'vitest';
import { sampleEvent } from '../../test/support/sample-events.ts';
import { isCrucibleError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createLog, idleReactor } from './create-log.ts';
import type { AppendRequest, Log } from './log.ts';
import { limitsFor } from './limits.ts';
import { createMemoryStore } from './memory-store.ts';
import { createRequestQueue } from './queue.ts';
import type { Mutation } from './records.ts';
import type { Ticket } from './ticket.ts';
import { CommitFailure, type Batch, type LogStore } from './store.ts';

/*
 * Requests that were decided upon others which are under way: each is written after those, or not at all.
 */

const open = async (wrap: (store: LogStore) => LogStore = (store) => store): Promise<Log> =>
  createLog({
    store: wrap(createMemoryStore({ tables: [{ name: 'thing', indexes: [] }] })),
    reactor: idleReactor,
    clock: { now: () => 1_000 },
    logger: silentLogger,
  });

const waiting = (): Ticket => ({ outcome: 'waiting' });
const put = (id: string): Mutation => ({ op: 'put', table: 'thing', row: { id } });
const create = (id: string): Mutation => ({ op: 'create', table: 'thing', row: { id } });

const request = (ticket: Ticket, after: readonly Ticket[], ...mutations: Mutation[]): AppendRequest => ({
  events: [],
  mutations,
  ticket,
  after,
});

/** The codes of what failed, the outcome of each ticket, and the rows. */
const outcomes = async (log: Log, requests: readonly AppendRequest[]) => {
  const answers = await Promise.allSettled(requests.map((each) => log.append(each)));
  const rows = await log.records.list('thing', { limit: 100 });
  return {
    codes: answers.map((answer) => {
      if (answer.status === 'fulfilled') return 'ok';
      return isCrucibleError(answer.reason) ? answer.reason.code : String(answer.reason);
    }),
    tickets: requests.map(({ ticket }) => ticket?.outcome),
    rows: rows.map(({ id }) => id),
  };
};

/** A chain: each is decided upon the one before it. */
const chain = (...mutations: Mutation[]): readonly AppendRequest[] => {
  const tickets = mutations.map(waiting);
  return mutations.map((mutation, i) =>
    request(tickets[i] ?? waiting(), tickets.slice(Math.max(0, i - 1), i), mutation),
  );
};

describe('a request that was decided upon another one', () => {
  test('is written with it, or after it', async () => {
    const log = await open();
    const [a, b, c] = [waiting(), waiting(), waiting()];
    const first = await outcomes(log, [request(a, [], put('a')), request(b, [a], put('b'))]);
    expect(first).toEqual({ codes: ['ok', 'ok'], tickets: ['written', 'written'], rows: ['a', 'b'] });
    expect(await outcomes(log, [request(c, [a, b], put('c'))])).toMatchObject({ rows: ['a', 'b', 'c'] });
  });

  test('is refused with it, and so is all that follows from it, and nothing else', async () => {
    const log = await open();
    await log.append({ events: [], mutations: [put('taken')] });
    const stands = [request(waiting(), [], put('z'))];
    const { codes, tickets, rows } = await outcomes(log, [
      ...chain(create('taken'), put('b'), put('c')),
      ...stands,
    ]);
    expect(codes).toEqual(['already_exists', 'conflict', 'conflict', 'ok']);
    expect(tickets).toEqual(['void', 'void', 'void', 'written']);
    expect(rows).toEqual(['taken', 'z']);
  });

  test.each<[string, (log: Log, ticket: Ticket) => Promise<unknown>]>([
    ['was not taken', (log, ticket) => log.append(request(ticket, [], { ...put('a'), table: 'nowhere' }))],
    [
      'was a repeat by its key',
      async (log, ticket) => {
        const idempotency = { scope: 's', key: 'k', hash: 'h' };
        await log.append({ events: [], mutations: [put('a')], idempotency });
        return log.append({ ...request(ticket, [], put('a')), idempotency });
      },
    ],
    [
      'was a repeat by its ids',
      async (log, ticket) => {
        const events = [sampleEvent()];
        await log.append({ events, clientIds: true });
        return log.append({ ...request(ticket, []), events, clientIds: true });
      },
    ],
  ])('is refused when that one %s', async (_, first) => {
    const log = await open();
    const ticket = waiting();
    await first(log, ticket).catch(() => undefined);
    expect(await outcomes(log, [request(waiting(), [ticket], put('b'))])).toMatchObject({
      codes: ['conflict'],
    });
  });

  test('is refused in the group of that one when it turns out to be a repeat', async () => {
    const log = await open();
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    await log.append({ events: [], mutations: [put('a')], idempotency });
    const [first, second] = chain(put('a'), put('b'));
    if (first === undefined || second === undefined) throw new Error('two');
    const { codes, rows } = await outcomes(log, [{ ...first, idempotency }, second]);
    expect([codes, rows]).toEqual([['ok', 'conflict'], ['a']]);
  });

  test('is refused with it when the database refuses that one, and what stands before it is written', async () => {
    const batches: Batch[] = [];
    const log = await open((store) => ({
      ...store,
      async commit(batch) {
        batches.push(batch);
        const bad = batch.writes.some(({ insert }) => insert.some(({ id }) => id === 'bad'));
        if (bad) throw new CommitFailure('refused', 'a field is too long');
        await store.commit(batch);
      },
    }));
    const requests = chain(put('a'), put('bad'), put('c'), put('d'));
    const { codes, tickets, rows } = await outcomes(log, requests);
    expect(codes).toEqual(['ok', 'internal', 'conflict', 'conflict']);
    expect(tickets).toEqual(['written', 'void', 'void', 'void']);
    expect(rows).toEqual(['a']);
    // All together, then each alone: of those that were refused nothing is sent.
    expect(batches.length).toBe(3);
  });

  test('is judged after it again when a server has lost their commit, also one by one', async () => {
    let commits = 0;
    const log = await open((store) => ({
      ...store,
      recoverable: true,
      async commit(batch) {
        commits += 1;
        if (commits === 1) throw new CommitFailure('refused', 'one of them');
        if (commits === 2) throw new CommitFailure('unknown', 'the connection was lost');
        await store.commit(batch);
      },
    }));
    const late = request(waiting(), [], create('a'));
    const { codes, rows } = await outcomes(log, [...chain(create('a'), put('b'), put('c')), late]);
    expect([codes, rows]).toEqual([
      ['ok', 'ok', 'ok', 'already_exists'],
      ['a', 'b', 'c'],
    ]);
    await log.close();
  });

  test('keeps its place when a commit is tried again, whatever was refused in it', async () => {
    let commits = 0;
    const log = await open((store) => ({
      ...store,
      recoverable: true,
      async commit(batch) {
        commits += 1;
        if (commits === 1) throw new CommitFailure('unknown', 'the connection was lost');
        await store.commit(batch);
      },
    }));
    const early: Mutation = { op: 'patch', table: 'thing', id: 'a', set: { n: 1 } };
    const requests = [request(waiting(), [], early), request(waiting(), [], create('a'))];
    expect(await outcomes(log, requests)).toMatchObject({ codes: ['conflict', 'ok'] });
    await log.close();
  });
});

test('what is put back alone shares its group with nobody, and comes first', async () => {
  const queue = createRequestQueue(limitsFor({ recoverable: false }));
  for (const id of ['a', 'b', 'c']) void queue.add(request(waiting(), [], put(id)));
  const taken = queue.take();
  void queue.add(request(waiting(), [], put('d')));
  queue.putBackAlone(taken.slice(1));
  const groups: unknown[] = [];
  while (queue.length > 0) groups.push(queue.take().map(({ request: { mutations } }) => mutations));
  expect(groups).toEqual([[[put('b')]], [[put('c')]], [[put('d')]]]);
});
