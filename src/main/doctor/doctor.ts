import { lookup } from 'node:dns/promises';
import { accessSync, constants, existsSync } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { assertKeySet } from '../../access/key-set.ts';
import type { Config, InternalConfig, JwtConfig } from '../../config/config.ts';
import { createEgress } from '../../egress/create.ts';
import { messageOf } from '../../kernel/errors.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { probeTemporal } from '../../temporal/probe.ts';
import { fetchJsonBy, fetchKeysOf } from '../open-access.ts';
import { fail, ok, warn, type Finding, type Judged } from './finding.ts';
import { judgeClock, judgeDisk, judgeEgress, judgeMode, judgeNode } from './judge.ts';

/** For an answer of anything that is asked. */
const PATIENCE_MS = 5_000;

const nearestDirectory = (path: string): string =>
  existsSync(path) || path === dirname(path) ? path : nearestDirectory(dirname(path));

const { R_OK, W_OK, X_OK } = constants;

const dataDirectory = async (path: string): Promise<Judged> => {
  const nearest = nearestDirectory(path);
  try {
    accessSync(nearest, R_OK | W_OK | X_OK);
  } catch (error) {
    return fail(
      messageOf(error),
      `Make ${nearest} writable, or name another directory by CRUCIBLE_DATA_DIR.`,
    );
  }
  const found = await stat(nearest);
  if (!found.isDirectory())
    return fail(`${nearest} is no directory`, 'Name another one by CRUCIBLE_DATA_DIR.');
  return nearest === path ? judgeMode(path, found.mode) : ok(`${path} will be made`);
};

const hookDirectories = (dirs: readonly string[]): Judged => {
  for (const dir of dirs.filter((each) => existsSync(each))) {
    try {
      accessSync(dir, R_OK | X_OK);
    } catch (error) {
      return fail(messageOf(error), `Make ${dir} readable, or name others by CRUCIBLE_HOOKS_DIR.`);
    }
  }
  return ok(dirs.join(', '));
};

/** Undefined: it is free. */
const bind = (host: string, port: number): Promise<NodeJS.ErrnoException | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });

const port = async (host: string, number: number, variable: string): Promise<Judged> => {
  if (number === 0) return ok('a free one is picked');
  const problem = await bind(host, number);
  if (problem === undefined) return ok(`${host}:${number} is free`);
  return fail(
    `${host}:${number}: ${problem.message}`,
    `Stop the program that uses it, or set ${variable} (0: a free one).`,
  );
};

/** Whether it is Crucible that answers there, and if so which release. */
const runningAt = async (host: string, number: number): Promise<string | undefined> => {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const url = `http://${reached.includes(':') ? `[${reached}]` : reached}:${number}/healthz`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const body = (await answer.json()) as { readonly status?: unknown; readonly version?: unknown };
    return body.status === 'ok' && typeof body.version === 'string' ? body.version : undefined;
  } catch {
    return undefined;
  }
};

/** Whether the keys that tokens are judged by can be fetched, by the way out that a server would take. */
const issuer = async (jwt: JwtConfig, policy: Config['egress']): Promise<Judged> => {
  const from = jwt.keysUrl ?? jwt.issuer;
  const egress = createEgress({ policy, logger: silentLogger });
  try {
    const keys = await fetchKeysOf(jwt, fetchJsonBy(egress))();
    assertKeySet(keys);
    return ok(`${from} has ${keys.keys.length === 1 ? '1 key' : `${keys.keys.length} keys`}`);
  } catch (error) {
    return warn(
      `no keys from ${from}: ${messageOf(error)}`,
      'Correct CRUCIBLE_JWT_ISSUER or CRUCIBLE_JWT_JWKS_URL, or open its address by CRUCIBLE_EGRESS_ALLOW.',
    );
  } finally {
    await egress.close();
  }
};

const isServer = (url: string): boolean => /^(?:ws|http)s?:/.test(url);

const surreal = async (url: string): Promise<Judged> => {
  if (!isServer(url)) {
    try {
      await import('../../surreal/surreal-store.ts');
      return ok('embedded');
    } catch (error) {
      return fail(
        `the embedded database cannot be loaded: ${messageOf(error)}`,
        'Run npm install for this platform.',
      );
    }
  }
  const health = new URL(url.replace(/^ws/, 'http'));
  health.pathname = '/health';
  // Neither asked with, nor shown.
  health.username = '';
  health.password = '';
  const mend = 'Start the SurrealDB server, or name another by CRUCIBLE_SURREAL_URL.';
  try {
    const answer = await fetch(health, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return answer.ok
      ? ok(`${health.host} is healthy`)
      : fail(`${health.host} answers ${answer.status}`, mend);
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return fail(`${health.host}: ${messageOf(cause)}`, mend);
  }
};

const temporal = async ({ address, namespace, binary }: Config['temporal']): Promise<Judged> => {
  if (address !== undefined) {
    const said = await probeTemporal(address, namespace, PATIENCE_MS);
    return said === 'serving'
      ? ok(`${address} serves the namespace ${namespace}`)
      : fail(
          `${address}: ${said}`,
          'Start the Temporal server, or correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.',
        );
  }
  if (binary === undefined)
    return ok('a dev server is started and managed; its program is fetched if there is none');
  try {
    accessSync(binary, X_OK);
    return ok(`a dev server is started and managed, by ${binary}`);
  } catch (error) {
    return fail(messageOf(error), 'Correct CRUCIBLE_TEMPORAL_BINARY, or leave it out.');
  }
};

/** Whether others can follow a server with these settings. */
const internalDoor = async (
  { host, port: number }: InternalConfig,
  url: string,
  isRunning: boolean,
): Promise<Judged> => {
  if (!isServer(url))
    return warn(
      'CRUCIBLE_INTERNAL_KEY is set, and the database is embedded: nobody else can read it, so none is opened',
      'Name a SurrealDB server by CRUCIBLE_SURREAL_URL, or leave CRUCIBLE_INTERNAL_KEY out.',
    );
  if (isRunning) return ok(`${host}:${number}, if it is that of the server that is running`);
  return port(host, number, 'CRUCIBLE_INTERNAL_PORT');
};

const resolves = async (): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS);
  });
  try {
    return await Promise.race([lookup('example.org').then(() => true), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
};

/** When anything at the top of the data directory was last written. ms; 0: nothing was */
const newestWrite = async (dataDir: string): Promise<number> => {
  if (!existsSync(dataDir)) return 0;
  const names = await readdir(dataDir);
  const times = await Promise.all(names.map(async (name) => (await stat(join(dataDir, name))).mtimeMs));
  return Math.max(0, ...times);
};

type Check = readonly [string, () => Judged | Promise<Judged>];

const carryOut = async ([check, judge]: Check): Promise<Finding> => {
  try {
    return { check, ...(await judge()) };
  } catch (error) {
    const mend = 'Look at what the message names.';
    return { check, ...warn(`could not be examined: ${messageOf(error)}`, mend) };
  }
};

/**
 * Looks at everything that a server needs, without starting one and without changing anything.
 * @param builtMs when this release was made
 */
export const examine = async (config: Config, builtMs: number): Promise<readonly Finding[]> => {
  const { dataDir, host, internal, jwt } = config;
  const running = config.port === 0 ? undefined : await runningAt(host, config.port);
  const isRunning = running !== undefined;
  const own = ok(`Crucible ${running ?? ''} is running`);
  const managed = config.temporal.address === undefined && !isRunning;
  const checks: readonly Check[] = [
    ['node', () => judgeNode(process.version)],
    ['data directory', () => dataDirectory(dataDir)],
    ['hook directories', () => hookDirectories(config.hookDirs)],
    ['port', () => (isRunning ? own : port(host, config.port, 'CRUCIBLE_PORT'))],
    ['surrealdb', () => surreal(config.surreal.url)],
    ...(internal === undefined
      ? []
      : [['internal door', () => internalDoor(internal, config.surreal.url, isRunning)] as const]),
    ['temporal', () => temporal(config.temporal)],
    ...(managed
      ? ([
          ['temporal port', () => port('127.0.0.1', config.temporal.port, 'CRUCIBLE_TEMPORAL_PORT')],
          ['temporal page', () => port('127.0.0.1', config.temporal.uiPort, 'CRUCIBLE_TEMPORAL_UI_PORT')],
        ] as const)
      : []),
    ...(jwt === undefined || jwt.key !== undefined
      ? []
      : [['issuer', () => issuer(jwt, config.egress)] as const]),
    ['egress', async () => judgeEgress(config.egress.allow, await resolves())],
    [
      'disk',
      async () => {
        const { bavail, bsize } = await statfs(nearestDirectory(dataDir));
        return judgeDisk(bavail * bsize);
      },
    ],
    ['clock', async () => judgeClock(Date.now(), await newestWrite(dataDir), builtMs)],
  ];
  return Promise.all(checks.map(carryOut));
};
