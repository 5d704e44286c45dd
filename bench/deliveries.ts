/*
 * Deliveries to webhooks under backlog, 1 and 100 endpoints, `max_in_flight` 8 and 64: each is signed, sent, and has its
 * row, its attempt and its event. Baseline in the same run: undici alone, the same number of requests to the same
 * receivers, as many at a time. `node bench/deliveries.ts`; results in `bench/results/deliveries.json`.
 */
import { Agent, request } from 'undici';
import { temporalServer } from '../test/support/temporal-server.ts';
import { compare, report, type Comparison } from './support/compare.ts';
import { openSink } from './support/sink.ts';
import { webhookProduct } from './support/webhook-product.ts';

const ROUNDS = 2;
/** Enough for the start of a hundred drains not to be all that is measured. */
const DELIVERIES_A_ROUND = 3_000;
const EVENTS_A_CALL = 500;
/** As long as a delivery's. */
const BODY = JSON.stringify({ filler: 'x'.repeat(650) });

const CASES = [
  { endpoints: 1, inFlight: 8 },
  { endpoints: 1, inFlight: 64 },
  { endpoints: 100, inFlight: 8 },
  { endpoints: 100, inFlight: 64 },
] as const;
type Case = (typeof CASES)[number];

const CRUCIBLE = 'Crucible';
const BARE = 'undici';

const nameOf = ({ endpoints, inFlight }: Case): string =>
  `${endpoints} ${endpoints === 1 ? 'endpoint' : 'endpoints'}, max_in_flight ${inFlight}`;
const typeOf = ({ endpoints, inFlight }: Case): string => `custom.bench.to-${endpoints}-by-${inFlight}`;

const measure = async (): Promise<void> => {
  await using temporal = await temporalServer();
  await using product = await webhookProduct(temporal);
  const sink = await openSink({ receivers: 100 });

  let ended = new Set<string>();
  let expected = 0;
  let all = Promise.withResolvers<void>();
  product.onCommit(({ events }) => {
    for (const { type, payload } of events) {
      const { run_id: id } = payload as { run_id?: string };
      if (id === undefined || !type.startsWith('webhook.')) continue;
      if (type !== 'webhook.delivered') all.reject(new Error(`${type}: ${JSON.stringify(payload)}`));
      if (ended.has(id)) all.reject(new Error(`${id} ended twice`));
      ended.add(id);
    }
    if (expected > 0 && ended.size >= expected) all.resolve();
  });

  const deliver = async (one: Case): Promise<number> => {
    ended = new Set();
    expected = DELIVERIES_A_ROUND;
    all = Promise.withResolvers<void>();
    const events = DELIVERIES_A_ROUND / one.endpoints;
    const began = performance.now();
    for (let from = 0; from < events; from += EVENTS_A_CALL) {
      const numbers = Array.from({ length: Math.min(EVENTS_A_CALL, events - from) }, (_, i) => from + i);
      await product.publish(typeOf(one), numbers);
    }
    await all.promise;
    return (DELIVERIES_A_ROUND * 1_000) / (performance.now() - began);
  };

  const post = async ({ endpoints, inFlight }: Case): Promise<number> => {
    const dispatcher = new Agent({ connections: inFlight, pipelining: 1 });
    const began = performance.now();
    await Promise.all(
      sink.urls.slice(0, endpoints).map(async (url) => {
        let left = DELIVERIES_A_ROUND / endpoints;
        const sender = async (): Promise<void> => {
          while (left > 0) {
            left -= 1;
            const { body } = await request(url, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: BODY,
              dispatcher,
            });
            await body.dump();
          }
        };
        await Promise.all(Array.from({ length: inFlight }, sender));
      }),
    );
    const rate = (DELIVERIES_A_ROUND * 1_000) / (performance.now() - began);
    await dispatcher.close();
    return rate;
  };

  const comparisons: Comparison[] = [];
  for (const one of CASES) {
    await product.create(
      sink.urls.slice(0, one.endpoints).map((url) => ({
        url,
        filters: [{ event_type: typeOf(one) }],
        options: { max_in_flight: one.inFlight },
      })),
    );
    comparisons.push(
      await compare({
        figure: `deliveries, ${nameOf(one)}`,
        unit: '/s',
        rounds: ROUNDS,
        contenders: [
          { name: CRUCIBLE, round: () => deliver(one) },
          { name: BARE, round: () => post(one) },
        ],
      }),
    );
  }

  const made = CASES.length * (ROUNDS + 1) * DELIVERIES_A_ROUND;
  const { runs, attempts } = await product.ledger();
  const recorded = Math.min(runs['succeeded'] ?? 0, attempts['succeeded'] ?? 0);
  const sent = sink.count() - made;
  report('deliveries', {
    settings: {
      deliveries_a_round: DELIVERIES_A_ROUND,
      rounds: ROUNDS,
      ledger: { runs, attempts },
      storage: 'rocksdb, sync=every',
      temporal: 'dev server, SQLite on disk',
      receivers: 'in a thread of the same process, a port an endpoint',
    },
    comparisons,
    targets: [
      ...comparisons.map(({ figure, medians }) => {
        const ratio = (medians[CRUCIBLE] ?? Number.NaN) / (medians[BARE] ?? Number.NaN);
        return { target: `${figure}: >= 0.25 of undici`, value: ratio, met: ratio >= 0.25 };
      }),
      {
        target: 'runs and attempts in the ledger, a delivery',
        value: recorded / made,
        met: recorded === made && Object.keys({ ...runs, ...attempts }).length === 1,
      },
      { target: 'requests a delivery', value: sent / made, met: sent === made },
    ],
    packages: ['undici', '@temporalio/worker', 'surrealdb', '@surrealdb/node'],
  });
  await sink.close();
};

await measure();
// The embedded engine keeps the process alive after it was closed.
process.exit(0);
