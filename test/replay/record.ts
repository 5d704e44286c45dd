/**
 * Records the histories that `replay.test.ts` replays: `node test/replay/record.ts [name…]`. A stored history is a promise:
 * one is recorded when a scenario is new, and never again to make a test pass (docs/develop/workflows.md). So files that
 * exist are kept, unless they are named.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { connectTemporal } from '../../src/temporal/connection.ts';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { createWorkflowStarter } from '../../src/temporal/starter.ts';
import { createWorker } from '../../src/temporal/worker.ts';
import type { DrainActivities } from '../../workflows/protocol.ts';
import { attemptStage } from '../support/temporal-runs.ts';
import { temporalServer } from '../support/temporal-server.ts';
import { historyToText } from './history.ts';
import { drainScenarios, scenarios } from './scenarios.ts';

const named = new Set(process.argv.slice(2));
const fileOf = (name: string): string => fileURLToPath(new URL(`histories/${name}.json`, import.meta.url));
const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
/** The traces in a history name files: without the place of this checkout, which is nobody's business. */
const store = (name: string, history: Parameters<typeof historyToText>[0]): Promise<void> =>
  writeFile(fileOf(name), historyToText(history).replaceAll(CHECKOUT, ''));

const isWanted = ({ name }: { readonly name: string }): boolean =>
  named.has(name) || !existsSync(fileOf(name));
const wanted = scenarios().filter(isWanted);

/** What the drain that is being recorded does next. */
let nextDrain: () => Promise<Awaited<ReturnType<DrainActivities['drain']>>> = () =>
  Promise.reject(new Error('nobody expected a drain'));

await mkdir(new URL('histories/', import.meta.url), { recursive: true });
await using temporal = await temporalServer();
const connection = await connectTemporal({ ...temporal, logger: silentLogger });
await ensureSearchAttributes(connection);
const stage = attemptStage();
const worker = await createWorker({
  connection,
  activities: { ...stage.activities, drain: () => nextDrain() },
  bundle: await workflowBundle({ cacheDir: temporal.dir, logger: silentLogger }),
  logger: silentLogger,
});
const starter = createWorkflowStarter(connection, { clock: systemClock });

for (const { name, run, policy, calls, cancel } of wanted) {
  const left = [...calls];
  const called = Promise.withResolvers<void>();
  stage.on(run.id, () => {
    const next = left.shift();
    if (left.length === 0) called.resolve();
    if (next === undefined || next === 'throw') throw new Error('the ledger could not be reached');
    return next;
  });
  await starter.start(run, policy);
  await called.promise;
  const handle = connection.client.workflow.getHandle(run.workflow_id ?? '');
  if (cancel === true) await handle.cancel();
  await handle.result().catch(() => undefined);
  await store(name, await handle.fetchHistory());
  process.stdout.write(`${name}: recorded\n`);
}

for (const { name, target, calls, poked } of drainScenarios().filter(isWanted)) {
  const left = [...calls];
  nextDrain = async () => {
    const next = left.shift();
    if (next === undefined || next === 'throw') throw new Error('the ledger could not be reached');
    if (poked === true && left.length === calls.length - 1) await starter.poke(target);
    return next;
  };
  await starter.poke(target);
  const handle = connection.client.workflow.getHandle(`drain:${target}`);
  await handle.result();
  await store(name, await handle.fetchHistory());
  process.stdout.write(`${name}: recorded\n`);
}

await worker.shutdown();
await connection.close();
