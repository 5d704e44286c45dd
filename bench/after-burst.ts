/*
 * How long after a burst publish to action takes longer than when idle: single publishes every 100 ms, first on an idle
 * system, then from the moment on in which the last run of a burst is recorded. Both in the same run, several times.
 * `node bench/after-burst.ts`; results in `bench/results/after-burst.json`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { temporalServer } from '../test/support/temporal-server.ts';
import { percentile, report } from './support/compare.ts';
import { idleProduct } from './support/idle-product.ts';

const ROUNDS = 5;
const BURST = 5_000;
const EVERY_MS = 100;
const IDLE_PUBLISHES = 40;
const PUBLISHES_AFTER = 40;
/** One alone may be fast or slow by chance: the median of so many in a row is looked at. */
const IN_A_ROW = 5;
const AS_IDLE = 1.25;

interface Single {
  /** When it was published, since the end of the burst. */
  readonly atMs: number;
  /** From its acknowledgement until its action began. */
  readonly tookMs: number;
}

const measure = async (): Promise<void> => {
  await using temporal = await temporalServer();
  await using product = await idleProduct(temporal);

  /** Publishes at a steady rate, whatever the earlier ones take. */
  const singles = async (count: number): Promise<readonly Single[]> => {
    const start = performance.now();
    const under: Promise<Single>[] = [];
    for (let n = 0; n < count; n += 1) {
      await delay(Math.max(0, start + n * EVERY_MS - performance.now()));
      const atMs = performance.now() - start;
      under.push(product.publish().then(({ fromAck }) => ({ atMs, tookMs: fromAck })));
    }
    return Promise.all(under);
  };
  const p50 = (some: readonly Single[]): number =>
    percentile(
      some.map(({ tookMs }) => tookMs),
      0.5,
    );
  /** From when on it is as when idle, ms; NaN: not within what was looked at. */
  const backAfter = (after: readonly Single[], idleMs: number): number =>
    after.find((_, n) => {
      const row = after.slice(n, n + IN_A_ROW);
      return row.length === IN_A_ROW && p50(row) <= AS_IDLE * idleMs;
    })?.atMs ?? Number.NaN;

  await singles(IDLE_PUBLISHES);
  const idle: number[] = [];
  const afters: (readonly Single[])[] = [];
  const bursts: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    idle.push(p50(await singles(IDLE_PUBLISHES)));
    const began = performance.now();
    await product.burst(BURST);
    bursts.push(performance.now() - began);
    afters.push(await singles(PUBLISHES_AFTER));
  }
  const medianOf = (values: readonly number[]): number => percentile(values, 0.5);
  const idleMs = medianOf(idle);
  const back = afters.map((after) => backAfter(after, idleMs));
  const firsts = afters.map(([first]) => first?.tookMs ?? Number.NaN);
  const later = afters.map((after) => p50(after.filter(({ atMs }) => atMs >= 1_000)));
  const longest = Math.max(...back);
  const ratio = medianOf(later) / idleMs;
  const BACK = `median of ${IN_A_ROW} in a row <= ${AS_IDLE} of idle`;
  report('after-burst', {
    settings: {
      burst_events: BURST,
      single_every_ms: EVERY_MS,
      storage: 'rocksdb, sync=every',
      temporal: 'dev server, SQLite on disk',
    },
    comparisons: [
      {
        figure: 'publish acknowledged -> action begins, p50',
        unit: 'ms',
        rounds: {
          idle,
          'later than a second after the burst': later,
          'the very first after the burst': firsts,
        },
        medians: {
          idle: idleMs,
          'later than a second after the burst': medianOf(later),
          'the very first after the burst': medianOf(firsts),
        },
      },
      {
        figure: 'from the end of the burst',
        unit: 'ms',
        rounds: { [BACK]: back, 'the burst itself took': bursts },
        medians: { [BACK]: medianOf(back), 'the burst itself took': medianOf(bursts) },
      },
    ],
    targets: [
      {
        target: 'back to idle after a burst, the longest of all rounds, ms: <= 1000',
        value: longest,
        met: longest <= 1_000,
      },
      {
        target: `publish to action, later than a second after it: <= ${AS_IDLE} of idle`,
        value: ratio,
        met: ratio <= AS_IDLE,
      },
    ],
    packages: ['@temporalio/worker', 'surrealdb', '@surrealdb/node'],
  });
};

await measure();
// The embedded engine keeps the process alive after it was closed.
process.exit(0);
