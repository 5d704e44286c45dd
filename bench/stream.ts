/*
 * Fan-out of the stream to 100 connections, against bare `ws` that sends the same text to as many; commit to client at
 * 1,000 events a second; memory of 1,000 idle connections. Server and clients share this process, so latency and fan-out
 * include the reading; the idle ones have a process of their own. `node bench/stream.ts`; results in `bench/results/stream.json`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { ADMIN_KEY, openStream, type TestStream } from '../src/stream/testing/open-stream.ts';
import { compare, percentile, report } from './support/compare.ts';

const CONNECTIONS = 100;
const EVENTS_A_ROUND = 2_000;
const EVENTS_A_COMMIT = 20;
const SECONDS = 5;
const IDLE = 1_000;
const payload = { title: 'A note', tags: ['#ai', '#research'], content: 'Lorem ipsum dolor sit amet' };
const commit = Array.from({ length: EVENTS_A_COMMIT }, () => ({ payload }));

/** Resolves when all of them have had so many messages. */
const receive = (sockets: readonly WebSocket[], count: number): Promise<unknown> =>
  Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          let left = count;
          const onMessage = (): void => {
            left -= 1;
            if (left > 0) return;
            socket.off('message', onMessage);
            resolve();
          };
          socket.on('message', onMessage);
        }),
    ),
  );

const subscribed = async (stream: TestStream): Promise<readonly WebSocket[]> => {
  const sockets: WebSocket[] = [];
  for (let n = 0; n < CONNECTIONS; n += 1) {
    const authorization = `Bearer ${ADMIN_KEY}`;
    const socket = new WebSocket(stream.url, { headers: { authorization } });
    await once(socket, 'message');
    socket.send(JSON.stringify({ action: 'subscribe', filters: [{ event_type: 'custom.note.imported' }] }));
    await receive([socket], 2);
    sockets.push(socket);
  }
  return sockets;
};

const perSecond = async (sockets: readonly WebSocket[], send: () => Promise<void>): Promise<number> => {
  const all = receive(sockets, EVENTS_A_ROUND);
  const start = performance.now();
  await send();
  await all;
  return (EVENTS_A_ROUND * CONNECTIONS * 1_000) / (performance.now() - start);
};

const openBare = async () => {
  const node = createServer();
  const server = new WebSocketServer({ server: node, perMessageDeflate: false });
  await once(node.listen(0, '127.0.0.1'), 'listening');
  const { port } = node.address() as AddressInfo;
  const sockets: WebSocket[] = [];
  for (let n = 0; n < CONNECTIONS; n += 1) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    await once(socket, 'open');
    sockets.push(socket);
  }
  return { server, node, sockets };
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Without what the set-up has left behind. */
const memory = (): number => {
  collectGarbage();
  return process.memoryUsage().rss;
};
// First, while the process has no memory to spare that it would use up without growing.
const idleStream = await openStream({ limits: { maxConnections: IDLE } });
const before = memory();
const clients = fork(new URL('./support/idle-clients.ts', import.meta.url), [
  idleStream.url,
  ADMIN_KEY,
  String(IDLE),
]);
await Promise.race([
  once(clients, 'message'),
  once(clients, 'exit').then(() => {
    throw new Error('the clients ended before they were connected');
  }),
]);
await delay(200);
const idleMb = (memory() - before) / 1024 / 1024;
const clientsEnded = once(clients, 'exit');
clients.disconnect();
await clientsEnded;
await idleStream[Symbol.asyncDispose]();

const stream = await openStream({ limits: { maxBufferedBytes: 64 * 1024 * 1024, maxConnections: 2_000 } });
const sockets = await subscribed(stream);
const bare = await openBare();
const [position = 1] = await stream.publish({ payload });
const event = await stream.log.at(position);

const fanOut = await compare({
  figure: `fan-out to ${CONNECTIONS}`,
  unit: 'messages/s',
  contenders: [
    {
      name: `stream, ${EVENTS_A_COMMIT} events a commit`,
      round: () =>
        perSecond(sockets, async () => {
          for (let n = 0; n < EVENTS_A_ROUND; n += EVENTS_A_COMMIT) await stream.publish(...commit);
        }),
    },
    {
      name: 'stream, one event a commit',
      round: () =>
        perSecond(sockets, async () => {
          for (let n = 0; n < EVENTS_A_ROUND; n += 1) await stream.publish({ payload });
        }),
    },
    {
      name: 'bare ws',
      round: () =>
        perSecond(bare.sockets, async () => {
          for (let n = 0; n < EVENTS_A_ROUND; n += 1) {
            const text = JSON.stringify({ type: 'event', subscriptions: ['s1'], event });
            for (const client of bare.server.clients) client.send(text);
            if (n % EVENTS_A_COMMIT === 0) await delay(0);
          }
        }),
    },
  ],
});

const committedAt = new Map<number, number>();
const latencies: number[] = [];
const stop = stream.log.onCommit(({ events }) => {
  for (const { position } of events) committedAt.set(position, performance.now());
});
const onMessage = (data: WebSocket.RawData): void => {
  const found = /"position":(\d+)/.exec((data as Buffer).toString());
  const at = committedAt.get(Number(found?.[1]));
  if (at !== undefined) latencies.push(performance.now() - at);
};
for (const socket of sockets) socket.on('message', onMessage);
const start = performance.now();
for (let n = 0; n < SECONDS * 100; n += 1) {
  await stream.publish(...commit.slice(0, 10));
  await delay(Math.max(0, start + (n + 1) * 10 - performance.now()));
}
await delay(500);
stop();
for (const socket of [...sockets, ...bare.sockets]) socket.terminate();
bare.node.close();

await stream[Symbol.asyncDispose]();

const p99 = percentile(latencies, 0.99);
const { medians } = fanOut;
const share = (medians['stream, one event a commit'] ?? 0) / (medians['bare ws'] ?? 1);
report('stream', {
  settings: { connections: CONNECTIONS, events_a_commit: EVENTS_A_COMMIT, seconds: SECONDS, idle: IDLE },
  comparisons: [fanOut],
  targets: [
    { target: 'fan-out, one event a commit, of bare ws, at least 0.6', value: share, met: share >= 0.6 },
    { target: 'commit to client, p99, 1,000 events/s to 100, ms, less than 10', value: p99, met: p99 < 10 },
    {
      target: '1,000 idle connections, MB, less than 50',
      value: idleMb,
      met: idleMb < 50,
    },
  ],
  packages: ['ws'],
});
