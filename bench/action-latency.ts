/*
 * Publish to action, idle: from the acknowledgement of a publish until the action of a post hook begins. Baseline in the
 * same run: the bare SDK, eager start and a local activity that does nothing, from the call of its start.
 * `node bench/action-latency.ts`; results in `bench/results/action-latency.json`.
 */
import { temporalServer } from '../test/support/temporal-server.ts';
import { bareWorkflowLatencies } from './support/bare-workflow.ts';
import { compare, percentile, report } from './support/compare.ts';
import { idleProduct, type Round } from './support/idle-product.ts';

const PUBLISHES_A_ROUND = 80;
const WARMUP = 20;

const CRUCIBLE = 'publish acknowledged -> action begins';
const BARE = 'bare Temporal: start called -> action begins';

const measure = async (): Promise<void> => {
  await using temporal = await temporalServer();
  await using product = await idleProduct(temporal);

  /** Every publish that was measured; the p99 and the other phases come from all of them. */
  const all: Round[] = [];
  const bare: number[] = [];

  const comparison = await compare({
    figure: 'action begins, p50',
    unit: 'ms',
    contenders: [
      {
        name: CRUCIBLE,
        round: async () => {
          for (let n = 0; n < WARMUP; n += 1) await product.round();
          const rounds: Round[] = [];
          for (let n = 0; n < PUBLISHES_A_ROUND; n += 1) rounds.push(await product.round());
          all.push(...rounds);
          return percentile(
            rounds.map(({ fromAck }) => fromAck),
            0.5,
          );
        },
      },
      {
        name: BARE,
        round: async () => {
          const { actionBegan } = await bareWorkflowLatencies({
            ...temporal,
            rounds: PUBLISHES_A_ROUND,
            warmup: WARMUP,
          });
          bare.push(...actionBegan);
          return percentile(actionBegan, 0.5);
        },
      },
    ],
  });

  // The first turn of `compare` does not count there, and not here.
  const counted = all.slice(PUBLISHES_A_ROUND);
  const phase = (figure: string, of: (round: Round) => number) => {
    const values = counted.map(of);
    const medians = {
      p50: percentile(values, 0.5),
      p95: percentile(values, 0.95),
      p99: percentile(values, 0.99),
    };
    return { figure, unit: 'ms', rounds: {}, medians };
  };
  const ours = comparison.medians[CRUCIBLE] ?? Number.NaN;
  const ratio = ours / (comparison.medians[BARE] ?? Number.NaN);

  report('action-latency', {
    settings: {
      publishes_a_round: PUBLISHES_A_ROUND,
      storage: 'rocksdb, sync=every',
      temporal: 'dev server, SQLite on disk',
    },
    comparisons: [
      comparison,
      phase('publish: call -> acknowledged', ({ ack }) => ack),
      phase('publish: acknowledged -> action begins', ({ fromAck }) => fromAck),
      phase('publish: call -> action begins', ({ fromCall }) => fromCall),
    ],
    targets: [
      { target: 'publish to action p50 < 10 ms', value: ours, met: ours < 10 },
      { target: 'publish to action p50 <= 1.25 of the bare workflow', value: ratio, met: ratio <= 1.25 },
    ],
    packages: ['@temporalio/worker', 'surrealdb', '@surrealdb/node'],
  });
};

await measure();
// The embedded engine keeps the process alive after it was closed.
process.exit(0);
