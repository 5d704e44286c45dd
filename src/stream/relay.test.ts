import { describe, expect, test, vi } from 'vitest';
import { createAccess } from '../access/access.ts';
import { openKeyRing } from '../access/key-ring.ts';
import { silentLogger as logger } from '../kernel/logger.ts';
import { CLOSE, DEFAULT_LIMITS, type StreamLimits } from './protocol.ts';
import { createRelay } from './relay.ts';
import { STREAM_PATH } from './stream-server.ts';
import { connect } from './testing/client.ts';
import { ADMIN_KEY, openStream, type TestStream } from './testing/open-stream.ts';

/** The stream of the server that writes, and that of one that follows it, which relays to `url`. */
const openTwo = async (options: { readonly url?: string; readonly limits?: Partial<StreamLimits> } = {}) => {
  const leader = await openStream();
  const ring = await openKeyRing({ log: leader.log, now: () => leader.clock.nowMs, logger });
  const access = createAccess({ adminKey: ADMIN_KEY, keys: ring });
  const follower = await openStream({
    access,
    ...(options.limits !== undefined && { limits: options.limits }),
    relay: createRelay({
      ...DEFAULT_LIMITS,
      ...options.limits,
      url: options.url ?? `http://127.0.0.1:${leader.port}${STREAM_PATH}`,
      headers: { 'x-ours': 'yes' },
    }),
  });
  return {
    leader,
    follower,
    async [Symbol.asyncDispose]() {
      await follower[Symbol.asyncDispose]();
      ring.close();
      await leader[Symbol.asyncDispose]();
    },
  };
};

const WAYS = ['header', 'subprotocol', 'message'] as const;

/** Connects in one of the ways to authenticate, and is greeted. */
const connectBy = async (way: (typeof WAYS)[number], url: string, key: string) => {
  const client = await connect(
    url,
    way === 'header'
      ? { headers: { authorization: `Bearer ${key}` } }
      : way === 'subprotocol'
        ? { protocols: ['crucible.v1', `crucible.key.${key}`] }
        : {},
  );
  if (way === 'message') client.send({ action: 'auth', key });
  return client;
};

const call = (leader: TestStream, runId: string) =>
  leader.agents.call(
    { world: 'default', agentId: 'bot' },
    { runId, message: { run_id: runId }, timeoutMs: 20_000, signal: new AbortController().signal },
  );

describe('the connection of an agent', () => {
  test.each(WAYS)('is talked with by the server that writes, whoever was asked (%s)', async (way) => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const { key } = await leader.makeKey({ role: 'agent' });
    await using client = await connectBy(way, follower.url, key);
    await client.nextOf('hello');
    expect(client.received.map(({ type }) => type)).toEqual(['hello']);
    const answered = call(leader, 'run_1');
    await client.nextOf('action');
    client.send({ action: 'result', run_id: 'run_1', outputs: { n: 1 } });
    expect(await answered).toEqual({ kind: 'outputs', outputs: { n: 1 } });
    expect(
      await follower.agents.call(
        { world: 'default', agentId: 'bot' },
        {
          runId: 'run_2',
          message: {},
          timeoutMs: 1_000,
          signal: new AbortController().signal,
        },
      ),
    ).toMatchObject({ code: 'not_connected' });

    // Events of the server that writes, in order; and its words on what is wrong.
    client.send({ action: 'subscribe', id: 's', filters: [{ type: 'custom.a' }] });
    await client.nextOf('subscribed');
    const positions = await leader.publish({ type: 'custom.a' }, { type: 'custom.a' });
    await vi.waitFor(() => expect(client.positions('s')).toEqual(positions));
    client.send('no JSON');
    expect(await client.nextOf('error')).toMatchObject({ code: 'malformed_request' });
    client.send({ action: 'ping' });
    await client.nextOf('pong');
  });

  test('ends for that server when the client leaves', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const client = await connectBy('header', follower.url, (await leader.makeKey({ role: 'agent' })).key);
    await client.nextOf('hello');
    expect(leader.stream.figures().connections).toBe(1);
    const answered = call(leader, 'run_1');
    await client.nextOf('action');
    await client[Symbol.asyncDispose]();
    expect(await answered).toMatchObject({ kind: 'none', code: 'disconnected' });
    await vi.waitFor(() => expect(leader.stream.figures().connections).toBe(0));
  });

  test('is ended as that server ends it: revoked, or stopping', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const { key, id } = await leader.makeKey({ role: 'agent' });
    await using revoked = await connectBy('header', follower.url, key);
    await revoked.nextOf('hello');
    await leader.revokeKey(id);
    expect((await revoked.closed).code).toBe(CLOSE.policy);
    expect(revoked.received.at(-1)).toMatchObject({ type: 'error', code: 'unauthenticated' });
    await using other = await connectBy(
      'message',
      follower.url,
      (await leader.makeKey({ role: 'agent' })).key,
    );
    await other.nextOf('hello');
    await leader.stop();
    expect((await other.closed).code).toBe(CLOSE.restart);
  });

  test('is told when that server cannot be reached, or breaks', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const { key } = await leader.makeKey({ role: 'agent' });
    await using client = await connectBy('header', follower.url, key);
    await client.nextOf('hello');
    leader.breakAll();
    expect((await client.closed).code).toBe(CLOSE.overload);
    expect(client.received.at(-1)).toMatchObject({ type: 'error', code: 'log_unavailable' });
    await leader.stop();
    for (const way of WAYS) {
      await using late = await connectBy(way, follower.url, key);
      expect(await late.nextOf('error')).toMatchObject({ code: 'log_unavailable' });
      expect((await late.closed).code).toBe(CLOSE.overload);
    }
  });

  test('goes away without a word to anybody when this server stops, also while it is being made', async () => {
    await using two = await openTwo();
    const { leader, follower } = two;
    const { key } = await leader.makeKey({ role: 'agent' });
    await using client = await connectBy('header', follower.url, key);
    const early = connectBy('header', follower.url, key);
    await client.nextOf('hello');
    await follower.stop();
    expect((await client.closed).code).toBe(CLOSE.restart);
    await early.then(
      (one) => one.closed,
      () => undefined,
    );
    await vi.waitFor(() => expect(leader.stream.figures().connections).toBe(0));
  });

  test('that reads nothing costs bounded memory here', async () => {
    const limits = { maxBufferedBytes: 64 * 1024 };
    await using two = await openTwo({ limits });
    const { leader, follower } = two;
    await using client = await connectBy(
      'header',
      follower.url,
      (await leader.makeKey({ role: 'agent' })).key,
    );
    await client.nextOf('hello');
    client.send({ action: 'subscribe', id: 's', filters: [{ type: 'custom.a' }], after: 0 });
    await client.nextOf('subscribed');
    client.ws.pause();
    const text = 'x'.repeat(50_000);
    for (let n = 0; n < 20; n += 1)
      await leader.publish(...Array.from({ length: 20 }, () => ({ type: 'custom.a', payload: { text } })));
    await vi.waitFor(() => expect(leader.stream.figures().bufferedBytes).toBeGreaterThan(0));
    // One message more than the mark may be in it, and what is in the reader's own buffer of the socket.
    expect(follower.stream.figures().bufferedBytes).toBeLessThan(1024 * 1024);
    client.ws.resume();
    await vi.waitFor(() => expect(client.positions('s')).toHaveLength(400), { timeout: 10_000 });
  });
});

test('others are talked with here', async () => {
  await using two = await openTwo();
  const { leader, follower } = two;
  await using client = await connectBy(
    'message',
    follower.url,
    (await leader.makeKey({ role: 'reader' })).key,
  );
  await client.nextOf('hello');
  expect([leader.stream.figures().connections, follower.stream.figures().connections]).toEqual([0, 1]);
});
