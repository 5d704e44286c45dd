/** The thread behind `sink.ts`: receivers that answer 204 and note when each numbered event came. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hrtime } from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';

const { receivers, arrivals, count } = workerData as {
  readonly receivers: number;
  readonly arrivals: BigInt64Array;
  readonly count: Int32Array;
};

const NUMBER = /"n":(\d+)/;

const answer = createServer.bind(undefined, { keepAliveTimeout: 60_000 }, (request, response) => {
  let body = '';
  request
    .setEncoding('utf8')
    .on('data', (chunk: string) => (body += chunk))
    .on('end', () => {
      const now = hrtime.bigint();
      const n = Number(NUMBER.exec(body)?.[1] ?? -1);
      if (n >= 0 && n < arrivals.length) Atomics.compareExchange(arrivals, n, 0n, now);
      Atomics.add(count, 0, 1);
      response.writeHead(204).end();
    });
});

const ports: number[] = [];
for (let n = 0; n < receivers; n += 1) {
  const server = answer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  ports.push((server.address() as AddressInfo).port);
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
parentPort?.postMessage(ports);
