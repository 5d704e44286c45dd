/**
 * A worker for tests to kill. Arguments: address, namespace, cache directory, task
 * queue, id of the run that it starts, `local` or not. It tells every attempt that it begins; attempts never end.
 */
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { openTemporal } from '../../src/temporal/temporal.ts';
import { pendingRun, policy } from './temporal-runs.ts';

const [address = '', namespace = '', cacheDir = '', taskQueue = '', runId = '', local = ''] =
  process.argv.slice(2);

const temporal = openTemporal({
  address,
  namespace,
  cacheDir,
  taskQueue,
  clock: systemClock,
  logger: silentLogger,
  activities: {
    attempt(request) {
      process.send?.({ attempt: request.attempt });
      return new Promise(() => undefined);
    },
  },
});
await temporal.untilWorking();
const run = pendingRun({ id: runId, workflow_id: `hook:killed:${runId}` });
await temporal.starter.start(run, policy({ local: local === 'local' }));
