import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { streamEvents, type StreamOptions } from '../client/stream.ts';
import { StreamError } from '../client/stream-error.ts';
import { ADMIN_KEY, openStream, type TestStream } from './testing/open-stream.ts';

const BACKOFF = { first: 1, most: 5 };

/** The network between a client and the server: it can stall, and break. */
const openNetwork = async (serverPort: number) => {
  const pairs = new Set<readonly [Socket, Socket]>();
  let stalled = false;
  const proxy = createServer((client) => {
    const server = connectTcp(serverPort, '127.0.0.1');
    const pair = [client, server] as const;
    pairs.add(pair);
    const cut = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of pair) socket.on('error', cut).on('close', cut);
    client.pipe(server);
    server.pipe(client);
    if (stalled) server.pause();
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const { port } = proxy.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stall(): void {
      stalled = true;
      for (const [client, server] of pairs) server.unpipe(client);
    },
    flow(): void {
      stalled = false;
      for (const [client, server] of pairs) server.unpipe(client).pipe(client);
    },
    break(): void {
      for (const [client] of pairs) client.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const [client, server] of pairs) {
        client.destroy();
        server.destroy();
      }
      await new Promise((resolve) => {
        proxy.close(resolve);
      });
    },
  };
};

const urlOf = (stream: TestStream): string => `http://127.0.0.1:${stream.port}`;

/** Reads until it has an event at or after this position, and gives all positions. */
const readTo = async (events: AsyncIterable<CrucibleEvent>, end: number): Promise<readonly number[]> => {
  const positions: number[] = [];
  for await (const { position } of events) {
    positions.push(position);
    if (position >= end) break;
  }
  return positions;
};

const failure = async (
  stream: TestStream,
  options: Partial<StreamOptions>,
  key = ADMIN_KEY,
): Promise<unknown> => {
  try {
    const given = { filters: [{ event_type: '*' }], backoff: BACKOFF, ...options };
    for await (const _ of streamEvents({ url: urlOf(stream), key }, given)) break;
  } catch (error) {
    expect(error).toBeInstanceOf(StreamError);
    return (error as StreamError).code;
  }
  return 'none';
};

test('gives what matches, from the position on, and says how far it is', async () => {
  await using stream = await openStream();
  await stream.publish({}, { type: 'custom.other' }, {}, { world: 'two' });
  const progress: unknown[] = [];
  const events = streamEvents(
    { url: urlOf(stream), key: ADMIN_KEY, world: 'default' },
    {
      filters: [{ event_type: 'custom.note.imported' }],
      after: 0,
      onProgress: (...told) => progress.push(told),
    },
  );
  expect(await readTo(events, 3)).toEqual([1, 3]);
  expect(progress[0]).toEqual([1, 'epoch-1']);
});

test('says what coming back cannot help', async () => {
  await using stream = await openStream({ firstAvailable: () => 3 });
  await stream.publish({}, {}, {});
  expect(await failure(stream, {}, 'wrong')).toBe('unauthenticated');
  expect(await failure(stream, { filters: [{ event_type: 'memory.creatd' }] })).toBe('invalid');
  expect(await failure(stream, { after: 1 })).toBe('position_expired');
  expect(await failure(stream, { after: 9 })).toBe('epoch_changed');
  expect(await failure(stream, { after: 3, epoch: 'another' })).toBe('epoch_changed');
});

test('ends by its signal, while it waits for events and while it waits to come back', async () => {
  await using stream = await openStream();
  const waiting = new AbortController();
  const options = { filters: [{ event_type: '*' }], backoff: { first: 60_000, most: 60_000 } };
  const none = readTo(
    streamEvents(
      { url: urlOf(stream), key: ADMIN_KEY },
      { ...options, signal: waiting.signal, onProgress: () => waiting.abort() },
    ),
    1,
  );
  expect(await none).toEqual([]);
  const away = new AbortController();
  const nobody = streamEvents(
    { url: 'http://127.0.0.1:1', key: ADMIN_KEY },
    { ...options, signal: away.signal, onNotice: () => setImmediate(() => away.abort()) },
  );
  expect(await readTo(nobody, 1)).toEqual([]);
});

type Step =
  | { readonly do: 'publish'; readonly types: readonly number[] }
  | { readonly do: 'stall' | 'flow' | 'break' | 'look' }
  | { readonly do: 'subscribe'; readonly type: number; readonly back: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      types: fc.array(fc.nat(2), { minLength: 1, maxLength: 40 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('stall' as const, 'flow' as const, 'break' as const, 'look' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('subscribe' as const), type: fc.nat(3), back: fc.nat(60) }),
  },
);

const patternOf = (type: number): string => (type === 3 ? 'custom.*' : `custom.t${type}`);

/*
 * The model of a resumed session is a list: the positions after its start whose type matches. Whatever happens to the
 * network and however small the buffers are, the loop gets exactly this list.
 */
test('every matching event exactly once a session, in order, whatever breaks and stalls', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      await using stream = await openStream({ limits: { maxBufferedBytes: 2_000, checkpointMs: 5 } });
      await using network = await openNetwork(stream.port);
      const published: number[] = [];
      const publish = async (types: readonly number[]): Promise<void> => {
        await stream.publish(
          ...types.map((type) => ({ type: `custom.t${type}`, payload: { text: 'x'.repeat(500) } })),
        );
        published.push(...types);
      };
      const sessions: {
        type: number;
        after: number;
        events: AsyncGenerator<CrucibleEvent>;
        got: number[];
      }[] = [];
      const readers: Promise<void>[] = [];
      const stop = new AbortController();
      const read = async (
        session: (typeof sessions)[number],
        end: PromiseWithResolvers<void>,
      ): Promise<void> => {
        for await (const { position } of session.events) {
          session.got.push(position);
          if (position > lastOrdinary) end.resolve();
        }
      };
      let lastOrdinary = Infinity;
      const ends: PromiseWithResolvers<void>[] = [];
      const subscribe = (type: number, back: number): void => {
        const after = Math.max(0, published.length - back);
        const events = streamEvents(
          { url: network.url, key: ADMIN_KEY },
          { filters: [{ event_type: patternOf(type) }], after, signal: stop.signal, backoff: BACKOFF },
        );
        const session = { type, after, events, got: [] };
        const end = Promise.withResolvers<void>();
        sessions.push(session);
        ends.push(end);
        readers.push(read(session, end));
      };
      subscribe(3, 0);
      for (const one of steps) {
        if (one.do === 'publish') await publish(one.types);
        else if (one.do === 'subscribe') subscribe(one.type, one.back);
        else if (one.do === 'look')
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
        else network[one.do]();
      }
      network.flow();
      lastOrdinary = published.length;
      await publish([0, 1, 2]);
      await Promise.all(ends.map(({ promise }) => promise));
      stop.abort();
      await Promise.all(readers);
      for (const { type, after, got } of sessions) {
        const expected = published.flatMap((each, n) =>
          n + 1 > after && (type === 3 || each === type) ? [n + 1] : [],
        );
        // The last one of a session may still be on its way when another one's came.
        expect(got).toEqual(expected.slice(0, got.length));
        expect(got.length).toBeGreaterThanOrEqual(
          expected.filter((position) => position <= lastOrdinary).length,
        );
      }
    }),
    { numRuns: 60 },
  );
});
