/**
 * The server: log, hooks, webhooks, worker and API in one process. Prints the addresses, then `ready <url>`.
 * Ends with 0 after SIGINT or SIGTERM; 78 when the configuration must be mended first; 75 when starting it again may
 * help (a commit of unknown outcome); 1 otherwise.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startCrucible } from './crucible.ts';
import { loggerOf } from './pino-logger.ts';
import { pathsOf } from './paths.ts';
import { configuration, EX_TEMPFAIL, onStop, refuse } from './program.ts';
import { readSecretFrom } from './secrets.ts';
import { readVersion } from './version.ts';

/** How long a start that was asked to stop may still take to become one that can be stopped. */
const START_PATIENCE_MS = 10_000;
const dev = process.argv.includes('--dev');
const config = configuration({ dev });
const logger = loggerOf(config);
const version = readVersion();

const stopped = new AbortController();
const starting = startCrucible({
  config,
  logger,
  version,
  readSecret: readSecretFrom(process.env),
  environment: process.env,
  stop: stopped.signal,
  onFatal: (error) => {
    logger.error({ err: error }, 'the log cannot be written any more by this process; it ends');
    process.exit(EX_TEMPFAIL);
  },
});

/** Also while it starts: what was opened by then is closed in good order, which a start that hangs must not hold up. */
const stop = async (reason: string): Promise<void> => {
  if (stopping) return;
  stopping = true;
  logger.info({ reason }, 'stopping');
  stopped.abort();
  const crucible = await Promise.race([starting, delay(START_PATIENCE_MS)]).catch(() => undefined);
  try {
    await crucible?.close(reason);
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, 'could not stop in good order');
    process.exit(1);
  }
};
let stopping = false;
onStop((reason) => void stop(reason));

// A start that was given up has ended in good order.
const crucible = await starting.catch((error: unknown) => (stopping ? process.exit(0) : refuse(error)));

const print = (line: string): void => void process.stdout.write(`${line}\n`);
print(`Crucible ${version}`);
print(`API          ${crucible.url}/api/v1`);
print(`Temporal UI  ${config.temporal.uiUrl ?? `(of ${config.temporal.address ?? 'the managed server'})`}`);
print(`Hooks        ${config.hookDirs.join(', ')}`);
const { key, generated } = crucible.adminKey;
if (generated) print(`Admin key    ${key}   (kept in ${pathsOf(config.dataDir).adminKey})`);
else
  print(
    `Admin key    ${config.apiKey === undefined ? `in ${pathsOf(config.dataDir).adminKey}` : 'as given in CRUCIBLE_API_KEY'}`,
  );
if (dev) print('Loopback addresses may be reached by hooks and webhooks (crucible dev).');
print(`ready ${crucible.url}`);
