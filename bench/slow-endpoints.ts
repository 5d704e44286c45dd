/*
 * What a dead and a hanging endpoint cost the others: publish to arrival at 998 endpoints at a steady rate, while two
 * more get events too, which are dead and hanging, or as good as the others. So both sides have the same work, and what
 * differs is how the two answer. Short turns, so that other programs disturb both alike, and a rate far below what the
 * machine can do, so that no queue of the good ones' own is measured. About two minutes: `node bench/slow-endpoints.ts`;
 * results in `bench/results/slow-endpoints.json`.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { hrtime } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { temporalServer } from '../test/support/temporal-server.ts';
import { compare, percentile, report } from './support/compare.ts';
import { openSink } from './support/sink.ts';
import { webhookProduct } from './support/webhook-product.ts';

const GOOD = 998;
const ROUNDS = 8;
/** One of a good endpoint each. */
const EVENTS_A_ROUND = 100;
const EVERY_MS = 50;
/** Every so many of these, one each for the other two. */
const TWO_EVERY = 8;
const HANGS_MS = 10_000;

const WITH = 'a dead and a hanging one among them';
const WITHOUT = 'none';

/** Accepts, reads, never answers. */
const openHanging = async () => {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('data', () => (requests += 1));
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests: () => requests,
    /** Ends what hangs. */
    reset: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: () => server.close(),
  };
};

/** Nobody listens there. */
const deadUrl = async (): Promise<string> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}/`;
};

const measure = async (): Promise<void> => {
  await using temporal = await temporalServer();
  await using product = await webhookProduct(temporal);
  const sink = await openSink({ receivers: GOOD + 2, numbers: (ROUNDS + 1) * 2 * EVENTS_A_ROUND });
  const hanging = await openHanging();
  const dead = await deadUrl();

  const typeOf = (n: number): string => `custom.bench.good-${n % GOOD}`;
  await product.create(
    sink.urls.slice(0, GOOD).map((url, n) => ({ url, filters: [{ event_type: typeOf(n) }] })),
  );

  let published = 0;
  const taken: Record<string, number[]> = { [WITH]: [], [WITHOUT]: [] };
  /** Publishes at the rate, and waits for the arrivals. @returns p99, ms */
  const steady = async (name: string): Promise<number> => {
    const first = published;
    const sentAt = new Map<number, bigint>();
    const publishing: Promise<void>[] = [];
    const start = performance.now();
    for (let n = 0; n < EVENTS_A_ROUND; n += 1) {
      await delay(Math.max(0, start + n * EVERY_MS - performance.now()));
      const number = first + n;
      sentAt.set(number, hrtime.bigint());
      // 389 and 998 have no common factor: neighbours are different endpoints.
      publishing.push(product.publish(typeOf(number * 389), [number]));
      if (n % TWO_EVERY === 0) publishing.push(product.publish('custom.bench.two', [0]));
    }
    published += EVENTS_A_ROUND;
    await Promise.all(publishing);
    const times: number[] = [];
    for (const [number, sent] of sentAt) {
      let arrived = sink.arrivedAt(number);
      for (; arrived === undefined; arrived = sink.arrivedAt(number)) await delay(5);
      times.push(Number(arrived - sent) / 1e6);
    }
    // The first turn of `compare` does not count there, and not here.
    if (first >= 2 * EVENTS_A_ROUND) taken[name]?.push(...times);
    return percentile(times, 0.99);
  };
  const withTwo = async (name: string, urls: readonly string[]): Promise<number> => {
    const two = await product.create(
      urls.map((url) => ({
        url,
        filters: [{ event_type: 'custom.bench.two' }],
        options: { timeout_ms: HANGS_MS },
      })),
    );
    const p99 = await steady(name);
    for (const id of two) await product.remove(id);
    hanging.reset();
    return p99;
  };

  const comparison = await compare({
    figure: 'publish to arrival at the good endpoints, p99 of a round',
    unit: 'ms',
    rounds: ROUNDS,
    contenders: [
      { name: WITHOUT, round: () => withTwo(WITHOUT, sink.urls.slice(GOOD)) },
      { name: WITH, round: () => withTwo(WITH, [dead, hanging.url]) },
    ],
  });
  const hung = hanging.requests();
  if (hung === 0) throw new Error('the hanging endpoint got nothing: nothing was measured');
  const of = (share: number) =>
    Object.fromEntries(Object.entries(taken).map(([name, times]) => [name, percentile(times, share)]));
  const all = [0.5, 0.95, 0.99].map((share) => ({
    figure: `the same over all rounds, p${share * 100}`,
    unit: 'ms',
    rounds: {},
    medians: of(share),
  }));
  const p99 = of(0.99);
  const ratio = (p99[WITH] ?? Number.NaN) / (p99[WITHOUT] ?? Number.NaN);
  report('slow-endpoints', {
    settings: {
      good_endpoints: GOOD,
      events_a_second: 1_000 / EVERY_MS,
      events_a_round: EVENTS_A_ROUND,
      of_the_two: `one event each for every ${TWO_EVERY} of the others`,
      hanging_timeout_ms: HANGS_MS,
      requests_that_hung: hung,
      load_of_the_machine: loadavg().map((load) => Math.round(load * 10) / 10),
      storage: 'rocksdb, sync=every',
      temporal: 'dev server, SQLite on disk',
    },
    comparisons: [comparison, ...all],
    targets: [
      {
        target: 'p99 of the others with bad ones among them <= 1.5 of without',
        value: ratio,
        met: ratio <= 1.5,
      },
    ],
    packages: ['undici', '@temporalio/worker', 'surrealdb', '@surrealdb/node'],
  });
  hanging.close();
  await sink.close();
};

await measure();
// The embedded engine keeps the process alive after it was closed.
process.exit(0);
