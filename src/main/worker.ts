/**
 * A worker of its own: executes runs for the server that writes. Prints what it is, then `ready <url>` when it works.
 * Ends with 0 after SIGINT or SIGTERM; 78 when the configuration must be mended first; 1 otherwise.
 */
import { loggerOf } from './pino-logger.ts';
import { configuration, onStop, refuse } from './program.ts';
import { readSecretFrom } from './secrets.ts';
import { startWorker } from './start-worker.ts';
import { readVersion } from './version.ts';

const config = configuration({ dev: process.argv.includes('--dev') });
const logger = loggerOf(config);
const version = readVersion();

const starting = startWorker({
  config,
  logger,
  version,
  readSecret: readSecretFrom(process.env),
  environment: process.env,
});

let stopping = false;
onStop((reason) => {
  if (stopping) return;
  stopping = true;
  logger.info({ reason }, 'stopping');
  starting
    .then((worker) => worker.close())
    .then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'could not stop in good order');
        process.exit(1);
      },
    );
});

const worker = await starting.catch(refuse);
worker.failed.catch(refuse);
const print = (line: string): void => void process.stdout.write(`${line}\n`);
print(`Crucible ${version} worker`);
print(`Temporal     ${config.temporal.address}, namespace ${config.temporal.namespace}`);
print(`Database     ${new URL(config.surreal.url).host}`);
print(`Health       ${worker.url}/readyz`);
await worker.working;
print(`ready ${worker.url}`);
