import { statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir } from '../config/cache-dir.ts';
import { describeStartError, loadConfig } from '../config/load.ts';
import type { Config } from '../config/config.ts';
import { isCrucibleError } from '../kernel/errors.ts';
import { makeDirectories } from './directories.ts';
import { loggerOf } from './pino-logger.ts';
import { runSupervisor } from './supervisor/loop.ts';
import { serverProcess } from './supervisor/server-process.ts';
import { EX_CONFIG } from './supervisor/supervise.ts';
import { oncePerPress } from './supervisor/signals.ts';
import { temporalProcess } from './supervisor/temporal-process.ts';

/**
 * `crucible dev` and `npm start`: keeps a Temporal dev server (unless TEMPORAL_ADDRESS is given) and the server alive.
 * What each prints and when it ends: docs/develop/workflows.md.
 */

/** Under this the disk counts as full. Bytes. */
const ROOM = 16 * 1024 * 1024;

/** The server drains within its own, shorter time. ms */
const SERVER_STOP_MS = 40_000;

const env = process.env;

const configuration = (): Config => {
  try {
    const loaded = loadConfig({ env, cwd: process.cwd(), dev: true });
    makeDirectories(loaded);
    return loaded;
  } catch (error) {
    process.stderr.write(`${describeStartError(error)}\n`);
    process.exit(EX_CONFIG);
  }
};

/** What only a person can mend, and what may pass. */
const exitCodeOf = (error: unknown): number =>
  isCrucibleError(error, 'temporal_unavailable') || !isCrucibleError(error) ? 1 : EX_CONFIG;

const describe = (error: unknown): string => {
  const issues = isCrucibleError(error) ? error.issues.map(({ message }) => `  ${message}`) : [];
  return [describeStartError(error), ...issues].join('\n');
};

const config = configuration();
const logger = loggerOf(config).child({ component: 'supervisor' });
const temporal = temporalProcess({
  config,
  cacheDir: cacheDir(env, homedir()),
  searchPath: env['PATH'],
  logger,
});
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

const end = await runSupervisor({
  startTemporal: config.temporal.address === undefined ? (signal) => temporal.start(signal) : undefined,
  startServer: serverProcess({
    script: [fileURLToPath(new URL(`serve.${extension}`, import.meta.url)), '--dev'],
    env: () =>
      temporal.place === undefined
        ? env
        : {
            ...env,
            TEMPORAL_ADDRESS: temporal.place.address,
            CRUCIBLE_TEMPORAL_UI_URL: temporal.place.uiUrl,
          },
    recordFile: join(config.dataDir, 'server.pid'),
    print: (line) => process.stdout.write(`${line}\n`),
    logger,
    stopTimeoutMs: SERVER_STOP_MS,
  }),
  exitCodeOf,
  describe,
  async hasRoom() {
    const { bavail, bsize } = await statfs(config.dataDir);
    return bavail * bsize >= ROOM;
  },
  after: (delayMs, work) => void setTimeout(work, delayMs),
  now: () => performance.now(),
  logger,
  onSignal(listener) {
    const heard = oncePerPress(listener, () => performance.now());
    process.on('SIGINT', heard).on('SIGTERM', heard);
    return () => process.off('SIGINT', heard).off('SIGTERM', heard);
  },
});

if (end.message !== undefined) process.stderr.write(`${end.message}\n`);
process.exit(end.code);
