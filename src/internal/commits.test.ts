import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { CrucibleError } from '../kernel/errors.ts';
import type { FeedItem, Leader } from '../log/following/leader.ts';
import { createLeaderClient } from './client.ts';
import { decodeFeedLine } from './feed-codec.ts';
import { readLines } from './lines.ts';
import { commit, hello, KEY, openLeader } from './testing/open-leader.ts';

type Follow = Leader['follow'];
const never = new AbortController().signal;

const sequences = (items: readonly FeedItem[]): readonly number[] =>
  items.flatMap((item) => (item.kind === 'commit' ? [item.sequence] : []));

describe('the feed of commits', () => {
  test('tells what the one that writes tells, to the end', async () => {
    const items: readonly FeedItem[] = [
      hello,
      commit(1, 'é\u2028 \ud83d\ude00 "\n'),
      { kind: 'alive', problem: 'no space' },
      { kind: 'alive', problem: null },
      commit(2, 'x'.repeat(3_000_000)),
    ];
    await using leader = await openLeader({
      feed: {
        follow: async function* follow() {
          yield* items;
        },
      },
    });
    expect(await Array.fromAsync(leader.client.follow({ epoch: 7, signal: never }))).toEqual(items);
  });

  test('goes on after a sequence when the connection was cut', async () => {
    const asked: unknown[] = [];
    const goOn = Promise.withResolvers<void>();
    await using leader = await openLeader({
      feed: {
        follow: async function* follow({ epoch, after = 0, signal }) {
          asked.push({ epoch, after });
          yield hello;
          for (let sequence = after + 1; sequence <= 6; sequence += 1) {
            if (sequence === 4 && after === 0) {
              await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
              goOn.resolve();
              return;
            }
            yield commit(sequence);
          }
        },
      },
    });
    const seen: FeedItem[] = [];
    const first = async (): Promise<void> => {
      for await (const item of leader.client.follow({ epoch: 7, signal: never })) {
        seen.push(item);
        if (sequences(seen).length === 3) leader.cut();
      }
    };
    await expect(first()).rejects.toMatchObject({ code: 'log_unavailable' });
    // The other side has noticed.
    await goOn.promise;
    for await (const item of leader.client.follow({ epoch: 7, after: 3, signal: never })) seen.push(item);
    expect(sequences(seen)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(asked).toEqual([
      { epoch: 7, after: 0 },
      { epoch: 7, after: 3 },
    ]);
  });

  test.each([0, 1])('refuses with the error of the other side after %d items', async (count) => {
    await using leader = await openLeader({
      feed: {
        follow: async function* follow() {
          yield* [hello].slice(0, count);
          throw new CrucibleError('fenced', 'not the one of this epoch', { hint: 'ask the store' });
        },
      },
    });
    const items: FeedItem[] = [];
    const follow = async (): Promise<void> => {
      for await (const item of leader.client.follow({ epoch: 7, signal: never })) items.push(item);
    };
    await expect(follow()).rejects.toMatchObject({ code: 'fenced', hint: 'ask the store' });
    expect(items).toHaveLength(count);
  });

  test('is fenced where nobody writes yet', async () => {
    await using leader = await openLeader({}, { opened: false });
    const next = leader.client.follow({ epoch: 7, signal: never })[Symbol.asyncIterator]().next();
    await expect(next).rejects.toMatchObject({ code: 'fenced' });
  });

  test('ends without an error when its reader ends it, and the other side learns of it', async () => {
    const left = Promise.withResolvers<void>();
    const follow: Follow = async function* follow({ signal }) {
      signal.addEventListener('abort', () => left.resolve());
      yield hello;
      await left.promise;
    };
    await using leader = await openLeader({ feed: { follow } });
    const controller = new AbortController();
    const items: FeedItem[] = [];
    for await (const item of leader.client.follow({ epoch: 7, signal: controller.signal })) {
      items.push(item);
      controller.abort();
    }
    expect(items).toEqual([hello]);
    await left.promise;
  });

  test('ends when the server closes, which does not wait for it', async () => {
    const told = Promise.withResolvers<void>();
    await using leader = await openLeader({
      feed: {
        follow: async function* follow({ signal }) {
          yield hello;
          told.resolve();
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        },
      },
    });
    const items = Array.fromAsync(leader.client.follow({ epoch: 7, signal: never }));
    await told.promise;
    // Far beyond the time-out of this test: nothing is cut off.
    await leader.server.close(600_000);
    expect(await items).toEqual([hello]);
  });

  test.each(['', '?epoch=x', '?epoch=-1', '?epoch=7&after=1.5', '?epoch=99999999999999999999'])(
    'refuses %j',
    async (query) => {
      await using leader = await openLeader();
      const answer = await leader.ask('GET', `/internal/v1/commits${query}`);
      expect([answer.status, (JSON.parse(answer.body) as { code: string }).code]).toEqual([
        400,
        'malformed_request',
      ]);
    },
  );

  test('takes no more from its source than a reader takes, and cuts off one that stalls', async () => {
    const text = 'x'.repeat(1024 * 1024);
    let taken = 0;
    const over = Promise.withResolvers<void>();
    await using leader = await openLeader(
      {
        feed: {
          follow: async function* follow() {
            try {
              yield hello;
              for (taken = 1; taken <= 10_000; taken += 1) yield commit(taken, text);
            } finally {
              over.resolve();
            }
          },
        },
      },
      { stallMs: 200 },
    );
    const socket = connect(Number(new URL(leader.url).port), '127.0.0.1');
    socket.pause();
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(
      `GET /internal/v1/commits?epoch=7 HTTP/1.1\r\nHost: x\r\nX-Crucible-Internal-Key: ${KEY}\r\n\r\n`,
    );
    await over.promise;
    // What the sockets of the system hold, and one line.
    expect(taken).toBeLessThan(64);
    socket.destroy();
  });

  test('holds its source up while the client does not read on', async () => {
    const text = 'x'.repeat(1024 * 1024);
    let taken = 0;
    await using leader = await openLeader({
      feed: {
        follow: async function* follow() {
          yield hello;
          for (taken = 1; taken <= 300; taken += 1) yield commit(taken, text);
        },
      },
    });
    let most = 0;
    let read = 0;
    for await (const item of leader.client.follow({ epoch: 7, signal: never })) {
      // What lies between the two ends.
      if (item.kind === 'commit') read = item.sequence;
      most = Math.max(most, taken - read);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(read).toBe(300);
    expect(most).toBeLessThan(100);
  });

  test.each<[string, (res: ServerResponse) => void]>([
    ['tells of something else', (res) => res.end('{"kind":"commit","sequence":1}\n')],
    ['is no JSON', (res) => res.end('commit\n')],
    ['answers as something else', (res) => res.writeHead(404).end('<html>')],
    ['cuts off', (res) => res.write('{"kind":"alive",', () => res.destroy())],
  ])('of a server that %s is not read as if it were ours', async (_, answer) => {
    const node = createServer((_req, res) => answer(res)).listen(0, '127.0.0.1');
    await once(node, 'listening');
    const client = createLeaderClient({
      url: `http://127.0.0.1:${(node.address() as AddressInfo).port}`,
      key: KEY,
    });
    const items = Array.fromAsync(client.follow({ epoch: 7, signal: never }));
    await expect(items).rejects.toMatchObject({ code: 'log_unavailable' });
    await client.close();
    node.close();
  });

  test.each([
    '[]',
    'null',
    '{"kind":"news"}',
    '{"kind":"alive"}',
    '{"kind":"hello","epoch":1}',
    '{"kind":"commit","sequence":1,"batch":"b","committed":{"events":[]}}',
  ])('has no line %s', (line) => {
    expect(decodeFeedLine(line)).toBeUndefined();
  });
});

describe('lines', () => {
  const read = (chunks: readonly string[], max = 100): Promise<readonly string[]> =>
    Array.fromAsync(
      readLines(
        (async function* bytes() {
          for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
        })(),
        max,
      ),
    );

  test('are the same however they are cut, and what was cut off is left out', async () => {
    const text = Buffer.from('a\n\né€😀\nlast').toString('latin1');
    for (let size = 1; size <= text.length; size += 1) {
      const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      expect(await read(chunks)).toEqual(['a', '', 'é€😀']);
    }
  });

  test('have an end', async () => {
    await expect(read(['x'.repeat(60), 'x'.repeat(60)])).rejects.toThrow(RangeError);
    expect(await read(['x'.repeat(60), 'x\n', 'x'.repeat(60), 'x\n'])).toHaveLength(2);
  });
});
