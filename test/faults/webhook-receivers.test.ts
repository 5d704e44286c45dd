import { createServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { openWebhooks, startReceiver, type Answer } from '../support/webhooks.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n';

/** 50 MB once unpacked. */
const BOMB = gzipSync(Buffer.alloc(50_000_000));

/** A receiver that speaks as it likes: it gets the socket once a request has begun. */
async function startRaw(speak: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => speak(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Writes a byte each time the last one has gone out, without an end. */
const drip = (socket: Socket, byte: string): void => {
  const next = (): void => void (socket.destroyed || socket.write(byte, () => setTimeout(next, 10).unref()));
  next();
};
const flood = (socket: Socket): void => {
  const block = Buffer.alloc(65_536, 'x');
  const next = (): void => void (socket.destroyed || socket.write(block, (error) => error ?? next()));
  next();
};

it('every kind of bad receiver gets its deadline and its own word, while a good one gets all that is sent to it', async () => {
  await using world = await openWebhooks();
  await using good = await startReceiver();
  await using hanging = await startRaw(() => undefined);
  await using slowHead = await startRaw((socket) => drip(socket, 'x'));
  await using slowBody = await startRaw((socket) => {
    socket.write(`${HEAD}content-length: 1000000\r\n\r\n`);
    drip(socket, 'x');
  });
  await using resetting = await startRaw((socket) => socket.resetAndDestroy());
  await using cut = await startRaw((socket) => socket.end(`${HEAD}content-length: 100\r\n\r\nshort`));
  await using endless = await startRaw((socket) => {
    socket.write(`${HEAD}connection: close\r\n\r\n`);
    flood(socket);
  });
  await using noHttp = await startRaw((socket) => socket.end('220 mail.example.com ESMTP\r\n'));
  await using hugeHead = await startRaw((socket) => {
    socket.write(HEAD);
    flood(socket);
  });
  const bombAnswer: Answer = (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB);
  };
  await using bomb = await startReceiver(bombAnswer);

  const expected = [
    ['hanging', hanging, 'timeout'],
    ['slow head', slowHead, 'protocol_error'],
    ['slow body', slowBody, 'timeout'],
    ['resetting', resetting, 'reset'],
    ['cut short', cut, 'reset'],
    ['endless', endless, 'succeeded'],
    ['no HTTP', noHttp, 'protocol_error'],
    ['huge head', hugeHead, 'protocol_error'],
    ['bomb', bomb, 'succeeded'],
  ] as const;

  const filters = [{ event_type: 'custom.note.imported' }];
  // Short only for those that are to run into it: no verdict may hang on how busy this machine is.
  const make = (url: string, timeoutMs = 30_000) =>
    world.service.create({ url, filters, options: { timeout_ms: timeoutMs } });
  const bad = await Promise.all(
    expected.map(
      async ([, { url }, word]) => (await make(url, word === 'timeout' ? 400 : undefined)).webhook,
    ),
  );
  const { webhook } = await make(good.url);
  for (let count = 0; count < 20; count += 1) await world.publish({ count });

  // Ten deliveries to each bad one are under way; the good one does not wait for any of them.
  const badAttempts = bad.map(async ({ id }) => {
    const runs = (await world.runsOf(id)).slice(0, 10);
    return Promise.all(runs.map((run) => world.attempt(run)));
  });
  const goodOutcomes = await Promise.all((await world.runsOf(webhook.id)).map((run) => world.attempt(run)));
  expect(goodOutcomes.map(({ kind }) => kind)).toEqual(Array(20).fill('succeeded'));
  expect(
    good.received.map(({ body }) => JSON.parse(body).data.payload.count).toSorted((a, b) => a - b),
  ).toEqual(Array.from({ length: 20 }, (_, index) => index));

  const outcomes = await Promise.all(badAttempts);
  const words = outcomes.map((some, index) => {
    const name = expected[index]?.[0];
    return [
      name,
      ...new Set(some.map((outcome) => (outcome.kind === 'retryable' ? outcome.code : outcome.kind))),
    ];
  });
  expect(words).toEqual(expected.map(([name, , word]) => [name, word]));
  expect(outcomes.map((some) => some.length)).toEqual(expected.map(() => 10));
  const largest = Math.max(...outcomes.flat().map(({ detail }) => JSON.stringify(detail).length));
  expect(largest).toBeLessThan(100_000);
  expect(JSON.stringify(outcomes)).not.toContain('\\u0000');
});
