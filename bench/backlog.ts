/*
 * Runs of hooks under backlog: some thousand matched events published in one go, each with its run row, attempt, terminal
 * event and place in a workflow's history, until the last one is recorded. Baseline in the same run: the bare SDK, one
 * workflow each, no ledger. Once with an action that does nothing, once with a request to a local receiver.
 * `node bench/backlog.ts`; results in `bench/results/backlog.json`.
 */
import { temporalServer } from '../test/support/temporal-server.ts';
import { backlogProduct, type BacklogAction } from './support/backlog-product.ts';
import { bareBacklog } from './support/bare-workflow.ts';
import { compare, report, type Comparison } from './support/compare.ts';

const EVENTS: Readonly<Record<BacklogAction, number>> = { nothing: 10_000, http: 5_000 };
const BARE_WORKFLOWS = 500;
const ROUNDS = 3;

const CRUCIBLE = 'Crucible, drained';
const BARE = 'bare Temporal, one workflow each';

const measure = async (): Promise<void> => {
  await using temporal = await temporalServer();
  await using product = await backlogProduct(temporal);

  const post = async (): Promise<void> => {
    const response = await fetch(`${product.sinkUrl}bare`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"n":1}',
    });
    await response.text();
  };
  await using bareNothing = await bareBacklog({ ...temporal, act: async () => undefined });
  await using bareHttp = await bareBacklog({ ...temporal, act: post });
  const bare = { nothing: bareNothing, http: bareHttp };

  const comparisonOf = (action: BacklogAction): Promise<Comparison> =>
    compare({
      figure: `runs under backlog, action: ${action}`,
      unit: '/s',
      rounds: ROUNDS,
      contenders: [
        { name: CRUCIBLE, round: () => product.round(action, EVENTS[action]) },
        { name: BARE, round: () => bare[action].round(BARE_WORKFLOWS) },
      ],
    });
  const nothing = await comparisonOf('nothing');
  const sentBefore = product.sent();
  const http = await comparisonOf('http');
  const requests = (product.sent() - sentBefore) / (ROUNDS + 1);
  const ratioOf = ({ medians }: Comparison): number =>
    (medians[CRUCIBLE] ?? Number.NaN) / (medians[BARE] ?? Number.NaN);

  report('backlog', {
    settings: {
      events_a_round: EVENTS,
      bare_workflows_a_round: BARE_WORKFLOWS,
      storage: 'rocksdb, sync=every',
      temporal: 'dev server, SQLite on disk',
    },
    comparisons: [nothing, http],
    targets: [
      {
        target: 'an action that does nothing: >= 15 times one workflow each',
        value: ratioOf(nothing),
        met: ratioOf(nothing) >= 15,
      },
      {
        target: 'one request each: requests a run is 1',
        value: requests / EVENTS.http,
        met: requests === EVENTS.http,
      },
      {
        target: 'one request each: >= 15 times one workflow each',
        value: ratioOf(http),
        met: ratioOf(http) >= 15,
      },
    ],
    packages: ['@temporalio/worker', 'surrealdb', '@surrealdb/node'],
  });
};

await measure();
// The embedded engine keeps the process alive after it was closed.
process.exit(0);
