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
import { attemptStage } from '../support/temporal-runs.ts';
import { temporalServer } from '../support/temporal-server.ts';
import { historyToText } from './history.ts';
import { scenarios } from './scenarios.ts';

const named = new Set(process.argv.slice(2));
const fileOf = (name: string): string => fileURLToPath(new URL(`histories/${name}.json`, import.meta.url));
const wanted = scenarios().filter(({ name }) => named.has(name) || !existsSync(fileOf(name)));

await mkdir(new URL('histories/', import.meta.url), { recursive: true });
await using temporal = await temporalServer();
const connection = await connectTemporal({ ...temporal, logger: silentLogger });
await ensureSearchAttributes(connection);
const stage = attemptStage();
const worker = await createWorker({
  connection,
  activities: stage.activities,
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
  await writeFile(fileOf(name), historyToText(await handle.fetchHistory()));
  process.stdout.write(`${name}: recorded\n`);
}

await worker.shutdown();
await connection.close();
