import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { createAccess } from '../../src/access/access.ts';
import { openKeyRing } from '../../src/access/key-ring.ts';
import { KEY_TABLE } from '../../src/access/key-row.ts';
import type { Access } from '../../src/access/access.ts';
import type { Principal } from '../../src/access/principal.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { ADMIN_KEY, startServer } from '../../src/http/testing/start-server.ts';
import { createLog, idleReactor } from '../../src/log/create-log.ts';
import { createMemoryDisk, createMemoryStore } from '../../src/log/memory-store.ts';
import { createEventFeed } from '../../src/stream/event-feed.ts';
import type { NewEvent } from '../../src/events/envelope.ts';
import { sampleEvent } from '../support/sample-events.ts';

/** `events.stream` as server-sent events, over the real server and a log in memory. */

interface Sent {
  readonly id: string | undefined;
  readonly event: string;
  // Whatever the server said: each test looks for what it expects.
  readonly data: Record<string, unknown>;
}

const SCOPED = 'a-key-for-one-world';

const open = async (limits = {}) => {
  const clock = { nowMs: 1_000_000 };
  const now = (): number => clock.nowMs;
  const log = await createLog({
    store: createMemoryStore({ tables: [KEY_TABLE], disk: createMemoryDisk() }),
    reactor: idleReactor,
    clock: { now },
    logger,
  });
  const ring = await openKeyRing({ log, now, logger });
  const admin = createAccess({ adminKey: ADMIN_KEY, keys: ring });
  const scoped: Principal = {
    ...(await admin.authenticate(`Bearer ${ADMIN_KEY}`)),
    id: 'key_scoped',
    worlds: ['one'],
    permissions: new Set(['event:read']),
    expiresAt: 2_000_000,
  };
  const listeners = new Set<(id: string) => void>();
  const permissions = { now: scoped.permissions };
  const access: Access = {
    authenticate: async (authorization) =>
      authorization === `Bearer ${SCOPED}`
        ? { ...scoped, permissions: permissions.now }
        : admin.authenticate(authorization),
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const feed = createEventFeed({ log, access, epoch: () => 'epoch-1', clock: { now }, limits });
  const server = await startServer({ services: { feed }, access });
  return {
    log,
    feed,
    clock,
    server,
    permissions,
    revoke: (): void => {
      for (const listener of listeners) listener('key_scoped');
    },
    async publish(...events: readonly Partial<NewEvent>[]): Promise<void> {
      await log.append({ events: events.map(sampleEvent) });
    },
    async [Symbol.asyncDispose]() {
      feed.close();
      await server.http.close(0);
      ring.close();
      await log.close();
    },
  };
};
type Open = Awaited<ReturnType<typeof open>>;

const urlOf = (input: object): string =>
  `/trpc/events.stream?input=${encodeURIComponent(JSON.stringify(input))}`;
const ALL = [{ event_type: '*' }];

/** Reads like EventSource does (HTML, 9.2.6). */
const follow = async (at: Open, input: object, headers: Record<string, string> = {}) => {
  const leave = new AbortController();
  const response = await fetch(`${at.server.url}${urlOf(input)}`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}`, accept: 'text/event-stream', ...headers },
    signal: leave.signal,
  });
  const items = (async function* read(): AsyncGenerator<Sent, void> {
    if (response.body === null) return;
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = new Map(
          text
            .slice(0, end)
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
        );
        text = text.slice(end + 2);
        if (fields.size === 0) continue;
        const data = fields.get('data') ?? '';
        yield {
          id: fields.get('id'),
          event: fields.get('event') ?? 'message',
          data: data === '' ? {} : (JSON.parse(data) as Record<string, unknown>),
        };
      }
    }
  })();
  const next = async (is: (sent: Sent) => boolean): Promise<Sent> => {
    for (;;) {
      const { value, done } = await items.next();
      if (done === true) throw new Error('the stream ended');
      if (is(value)) return value;
    }
  };
  return {
    status: response.status,
    response,
    next,
    nextOf: (type: string) => next(({ data }) => data['type'] === type),
    error: async () => (await next(({ event }) => event === 'serialized-error')).data,
    ended: async () => (await items.next()).done,
    leave: () => leave.abort(),
    async [Symbol.asyncDispose]() {
      leave.abort();
      await items.return().catch(() => undefined);
    },
  };
};

test('gives what was there, then what happens, and goes on behind the Last-Event-ID', async () => {
  await using at = await open();
  await at.publish({}, { type: 'custom.other' }, {});
  const input = { filters: [{ event_type: 'custom.note.*' }], after: 0 };
  await using first = await follow(at, input);
  expect(first.response.headers.get('content-type')).toBe('text/event-stream');
  expect(await first.nextOf('subscribed')).toMatchObject({ id: '0', data: { epoch: 'epoch-1' } });
  expect(await first.nextOf('event')).toMatchObject({ id: '1', data: { event: { position: 1 } } });
  first.leave();
  await expect.poll(() => at.feed.readers).toBe(0);
  await at.publish({ type: 'custom.other' }, {});

  await using again = await follow(at, input, { 'last-event-id': '1' });
  expect(await again.nextOf('event')).toMatchObject({ id: '3', data: { event: await at.log.at(3) } });
  expect(await again.nextOf('event')).toMatchObject({ id: '5' });
  expect(await again.nextOf('caught_up')).toMatchObject({ id: '5' });
  await at.publish({});
  expect(await again.nextOf('event')).toMatchObject({ id: '6' });
});

test('live without `after`; a filter that fails says so; checkpoints where nothing matches', async () => {
  await using at = await open();
  await at.publish({});
  const filters = [{ event_type: 'custom.note.imported', when: 'event.payload.title > 1' }];
  await using reader = await follow(at, { filters });
  expect(await reader.nextOf('caught_up')).toMatchObject({ id: '1' });
  at.clock.nowMs += 5_000;
  await at.publish({ type: 'custom.other' });
  expect(await reader.nextOf('checkpoint')).toMatchObject({ id: '2' });
  await at.publish({ payload: { title: 'text' } });
  expect(await reader.nextOf('error')).toMatchObject({ id: '3', data: { code: 'invalid' } });
});

test('worlds and the permission', async () => {
  await using at = await open();
  await at.publish({ world: 'one' }, { world: 'two' }, { world: 'one' });
  const authorization = `Bearer ${SCOPED}`;
  await using reader = await follow(at, { filters: ALL, after: 0 }, { authorization });
  expect(await reader.nextOf('event')).toMatchObject({ id: '1' });
  expect(await reader.nextOf('event')).toMatchObject({ id: '3' });
  await using other = await follow(at, { filters: ALL, world: 'two' }, { authorization });
  expect(await other.error()).toMatchObject({ data: { code: 'forbidden' } });
  at.permissions.now = new Set(['memory:read']);
  await using blind = await follow(at, { filters: ALL }, { authorization });
  expect(await blind.error()).toMatchObject({ data: { code: 'forbidden' } });
  await using none = await follow(at, { filters: ALL }, { authorization: 'Bearer wrong' });
  expect(none.status).toBe(401);
});

test('revoked and expired credentials end it', async () => {
  await using at = await open({ checkpointMs: 5 });
  const authorization = `Bearer ${SCOPED}`;
  const input = { filters: ALL };
  await using expiring = await follow(at, input, { authorization });
  await expiring.nextOf('caught_up');
  at.clock.nowMs = 2_000_000;
  expect(await expiring.error()).toMatchObject({ message: 'The credentials have expired' });
  at.clock.nowMs = 1_000_000;
  await using reader = await follow(at, input, { authorization });
  await using admin = await follow(at, input);
  await reader.nextOf('caught_up');
  await admin.nextOf('caught_up');
  at.revoke();
  expect(await reader.error()).toMatchObject({ data: { code: 'unauthenticated' } });
  expect(await reader.ended()).toBe(true);
  // Also one whose credentials had just been looked at.
  await using late = await follow(at, input, { authorization });
  expect(await late.error()).toMatchObject({ data: { code: 'unauthenticated' } });
  await at.publish({});
  await admin.nextOf('event');
});

test.each([
  ['no filters', { filters: [] }, 'invalid'],
  ['an unknown type', { filters: [{ event_type: 'memory.creatd' }] }, 'invalid'],
  ['a position past the head', { filters: ALL, after: 5 }, 'epoch_changed'],
  ['another log', { filters: ALL, after: 0, epoch: 'another' }, 'epoch_changed'],
  ['an id that is none of ours', { filters: ALL, lastEventId: '-1' }, 'invalid'],
  ['an unknown field', { filters: ALL, more: 1 }, 'invalid'],
])('%s is refused', async (_what, input, code) => {
  await using at = await open();
  await using reader = await follow(at, input);
  expect(await reader.error()).toMatchObject({ data: { code } });
  expect(await reader.ended()).toBe(true);
  expect(at.feed.readers).toBe(0);
});

test('there are places for so many', async () => {
  await using at = await open({ maxReaders: 1 });
  await using first = await follow(at, { filters: ALL });
  await first.nextOf('caught_up');
  await using second = await follow(at, { filters: ALL });
  expect(await second.error()).toMatchObject({ data: { code: 'overloaded' } });
  first.leave();
  await expect.poll(() => at.feed.readers).toBe(0);
  await using third = await follow(at, { filters: ALL });
  await third.nextOf('caught_up');
});

test('a server that stops tells its readers to come back, and does not wait for them', async () => {
  const at = await open();
  await using reader = await follow(at, { filters: ALL });
  await reader.nextOf('caught_up');
  at.feed.close();
  const closed = at.server.http.close(60_000);
  expect(await reader.error()).toMatchObject({ data: { code: 'overloaded', httpStatus: 503 } });
  expect(await reader.ended()).toBe(true);
  await closed;
  await at[Symbol.asyncDispose]();
});

test('a reader that takes nothing holds no queue, and does not hold up the end', async () => {
  const at = await open();
  const payload = { title: 'x'.repeat(60_000) };
  for (let n = 0; n < 20; n += 1) await at.publish(...Array.from({ length: 50 }, () => ({ payload })));
  let read = 0;
  const { tail } = at.log;
  at.log.tail = async function* counted(options) {
    for await (const item of tail(options)) {
      read += 1;
      yield item;
    }
  };
  const { hostname, port } = new URL(at.server.url);
  const socket = connect(Number(port), hostname).pause();
  await once(socket, 'connect');
  socket.write(
    `GET ${urlOf({ filters: ALL, after: 0 })} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n`,
  );
  await expect.poll(() => at.feed.readers).toBe(1);
  // It comes to rest when the buffers on the way are full, long before the 60 MB are read.
  let before = -1;
  await expect
    .poll(
      () => {
        const rests = read > 0 && read === before;
        before = read;
        return rests;
      },
      { interval: 200, timeout: 20_000 },
    )
    .toBe(true);
  expect(read).toBeLessThan(500);
  at.feed.close();
  await at.server.http.close(60_000);
  await expect.poll(() => at.feed.readers).toBe(0);
  socket.destroy();
  await at[Symbol.asyncDispose]();
});
