import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { devServerArguments } from './dev-server-flags.ts';
import { claimPort } from './ports.ts';
import { probeTemporal } from './probe.ts';
import { isAlive, processIdentity } from './process-identity.ts';
import { removeLock, takeLock, writeLock } from './server-lock.ts';
import type { ProcessRef, ServerLock } from './server-lock.ts';

/*
 * absent    --lock taken-->           starting
 * starting  --orphan that fits-->     serving     (adopted: same version, namespace, ports; answers)
 * starting  --orphan that does not--> starting    (ended first: two servers on one SQLite file would corrupt it)
 * starting  --spawned, answers-->     serving
 * starting  --exits, or is silent-->  absent      (an error says why, with the end of its log)
 * serving   --stop, or it exits-->    absent
 *
 * The server is detached: a Ctrl-C in the terminal reaches only the supervisor, which stops the server last, and when
 * the supervisor is killed the server lives on, to be adopted by the next one.
 */

export interface DevServerOptions {
  /** The program, and its version as it tells it. */
  readonly binary: { readonly path: string; readonly version: string };
  /** Holds `temporal/`: the database, the log, the lock. Absolute. */
  readonly dataDir: string;
  /** 0: a free one. */
  readonly port: number;
  /** 0: a free one. */
  readonly uiPort: number;
  readonly namespace: string;
  readonly logger: Logger;
  /** How long it may take until it serves. Default 60 s. ms */
  readonly startTimeoutMs?: number;
  /** How long it may take to end before it is killed. Default 15 s. ms */
  readonly stopTimeoutMs?: number;
}

export interface DevServer {
  /** `127.0.0.1:<port>` */
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
  /** Whether an orphan of an earlier supervisor was taken over. */
  readonly adopted: boolean;
  /** Resolves when the server has ended, asked or not. */
  readonly exited: Promise<void>;
  /** Ends it: asked first, killed when it does not. Repeated calls wait for the same end. */
  stop(): Promise<void>;
}

type Running = ProcessRef & { readonly exited: Promise<void> };

const POLL_MS = 50;

/**
 * Starts, or takes over, the Temporal dev server of this data directory, and waits until it serves.
 * @throws CrucibleError `data_dir_locked` (another supervisor runs on this directory), `port_in_use`,
 *   `temporal_unavailable` (it did not come up; the message says what its log says)
 */
export const startDevServer = async (options: DevServerOptions): Promise<DevServer> => {
  const dir = join(options.dataDir, 'temporal');
  const lockFile = join(dir, 'server.lock');
  const self = selfRef();
  const taken = await takeLock(lockFile, self);
  if (taken.kind === 'taken') {
    throw new CrucibleError(
      'data_dir_locked',
      `Process ${taken.by.pid} already runs a Temporal server on ${dir}.`,
      {
        hint: 'Stop that process, or give this one another directory by CRUCIBLE_DATA_DIR.',
      },
    );
  }
  try {
    const orphan = taken.before?.server;
    if (orphan !== undefined && isAlive(orphan.pid, orphan.identity)) {
      if (await fits(orphan, options)) {
        options.logger.info(
          { pid: orphan.pid, port: orphan.port },
          'took over the Temporal server of a supervisor that was killed',
        );
        return serving({ ...orphan, exited: exitOf(orphan) }, orphan, true, lockFile, options);
      }
      options.logger.warn(
        { pid: orphan.pid },
        'ending a Temporal server of an earlier supervisor that does not fit',
      );
      await end({ ...orphan, exited: exitOf(orphan) }, options);
    }
    return await withFreshPorts(() => spawnServer(dir, lockFile, self, options), options.logger);
  } catch (error) {
    await removeLock(lockFile);
    throw error;
  }
};

const PORT_TRIES = 4;

/**
 * A port that was free a moment ago (picked by us, or by the program for its own parts) may be another's by the time the
 * program binds it. Then it starts again with fresh ones; a port that somebody set and that is taken is refused by then.
 */
const withFreshPorts = async (start: () => Promise<DevServer>, logger: Logger): Promise<DevServer> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      const lost =
        isCrucibleError(error, 'temporal_unavailable') && /address already in use/i.test(error.message);
      if (!lost || tries === PORT_TRIES) throw error;
      logger.warn({ tries }, 'the Temporal server lost a port to another program; starting it again');
    }
  }
};

const fits = async (orphan: NonNullable<ServerLock['server']>, options: DevServerOptions): Promise<boolean> =>
  orphan.version === options.binary.version &&
  orphan.namespace === options.namespace &&
  (options.port === 0 || options.port === orphan.port) &&
  (options.uiPort === 0 || options.uiPort === orphan.uiPort) &&
  (await probeTemporal(`127.0.0.1:${orphan.port}`, options.namespace, 5_000)) === 'serving';

const spawnServer = async (
  dir: string,
  lockFile: string,
  self: ProcessRef,
  options: DevServerOptions,
): Promise<DevServer> => {
  const port = await claimPort(options.port, 'the Temporal server', 'CRUCIBLE_TEMPORAL_PORT');
  const uiPort = await claimPort(options.uiPort, "Temporal's web page", 'CRUCIBLE_TEMPORAL_UI_PORT', port);
  const { namespace } = options;
  const logFile = join(dir, 'server.log');
  mkdirSync(dir, { recursive: true });
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(
    options.binary.path,
    devServerArguments({ dbFile: join(dir, 'temporal.db'), port, uiPort, namespace }),
    { detached: true, stdio: ['ignore', log, log], cwd: dir },
  );
  closeSync(log);
  let spawnError: Error | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      spawnError = error;
      resolve();
    });
  });
  const identity = child.pid === undefined ? undefined : processIdentity(child.pid);
  const pid = child.pid;
  if (pid === undefined || identity === undefined) {
    await exited;
    throw notServing(options.binary.path, spawnError?.message ?? 'it ended at once', logFile);
  }
  const server = { pid, identity, port, uiPort, version: options.binary.version, namespace };
  await writeLock(lockFile, { owner: self, server });
  const running = { pid, identity, exited };
  try {
    await untilServing(`127.0.0.1:${port}`, running, logFile, options);
  } catch (error) {
    await end(running, options);
    throw error;
  }
  return serving(running, server, false, lockFile, options);
};

const untilServing = async (
  address: string,
  running: Running,
  logFile: string,
  options: DevServerOptions,
): Promise<void> => {
  const timeoutMs = options.startTimeoutMs ?? 60_000;
  const deadline = performance.now() + timeoutMs;
  let ended = false;
  void running.exited.then(() => (ended = true));
  let why = '';
  while (performance.now() < deadline) {
    if (ended) throw notServing(options.binary.path, 'it ended', logFile);
    const answer = await probeTemporal(address, options.namespace, 2_000);
    if (answer === 'serving') return;
    why = answer;
    await Promise.race([delay(POLL_MS), running.exited]);
  }
  throw notServing(options.binary.path, `it did not serve within ${timeoutMs} ms (${why})`, logFile);
};

const serving = (
  running: Running,
  ports: { readonly port: number; readonly uiPort: number },
  adopted: boolean,
  lockFile: string,
  options: DevServerOptions,
): DevServer => {
  let stopping: Promise<void> | undefined;
  return {
    address: `127.0.0.1:${ports.port}`,
    uiUrl: `http://127.0.0.1:${ports.uiPort}`,
    pid: running.pid,
    adopted,
    // One that was stopped has ended when its lock is gone too.
    exited: running.exited.then(() => stopping),
    stop: () => (stopping ??= end(running, options).then(() => removeLock(lockFile))),
  };
};

const end = async (running: Running, options: DevServerOptions): Promise<void> => {
  signal(running, 'SIGTERM');
  const timer = setTimeout(() => {
    options.logger.warn({ pid: running.pid }, 'the Temporal server does not end; killing it');
    signal(running, 'SIGKILL');
  }, options.stopTimeoutMs ?? 15_000);
  await running.exited;
  clearTimeout(timer);
};

const signal = (target: ProcessRef, name: NodeJS.Signals): void => {
  if (!isAlive(target.pid, target.identity)) return;
  try {
    process.kill(target.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

/** The end of a process that is not our child can only be looked for. */
const exitOf = async (target: ProcessRef): Promise<void> => {
  while (isAlive(target.pid, target.identity)) await delay(200);
};

const selfRef = (): ProcessRef => {
  const identity = processIdentity(process.pid);
  if (identity === undefined)
    throw new CrucibleError('internal', 'This process cannot tell its own start time.');
  return { pid: process.pid, identity };
};

const notServing = (path: string, what: string, logFile: string): CrucibleError =>
  new CrucibleError(
    'temporal_unavailable',
    `The Temporal server ${path} is not serving: ${what}.${lastWords(logFile)}`,
    {
      hint: `Its whole log is ${logFile}. Or set TEMPORAL_ADDRESS to a server that runs elsewhere.`,
    },
  );

const lastWords = (logFile: string): string => {
  if (statSync(logFile, { throwIfNoEntry: false }) === undefined) return '';
  const lines = readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' / ').slice(-600);
  return lines === '' ? '' : ` It said: ${lines}`;
};
