import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer, type TestServer } from './server-process.ts';
import { startSurrealServer, type SurrealServer } from './surreal-server.ts';
import { temporalServer, type TestTemporal } from './temporal-server.ts';

/** What processes of one installation know each other by, in tests. */
export const TEST_INTERNAL_KEY = 'test-internal-key-test-internal-key-012345';

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** A server that may wait for its turn before it is ready. */
export interface StartingServer {
  readonly url: string;
  readonly child: ChildProcess;
  readonly started: Promise<TestServer>;
}

/** A database server, a Temporal, and servers on both, of which one writes at a time. */
export interface SeveralServers extends AsyncDisposable {
  readonly database: SurrealServer;
  readonly temporal: TestTemporal;
  /** What every process of this installation is told. */
  readonly env: Readonly<Record<string, string>>;
  start(env?: Readonly<Record<string, string>>): Promise<StartingServer>;
}

/** @param surreal the program of the database server */
export const openSeveralServers = async (surreal: string): Promise<SeveralServers> => {
  const temporal = await temporalServer();
  const database = await startSurrealServer(surreal);
  const dirs: string[] = [];
  const starting: Promise<TestServer>[] = [];
  const shared = {
    CRUCIBLE_LOG_LEVEL: 'error',
    CRUCIBLE_SURREAL_URL: database.url,
    CRUCIBLE_SURREAL_USER: 'root',
    CRUCIBLE_SURREAL_PASS: 'root',
  };
  return {
    database,
    temporal,
    env: shared,
    async start(given = {}) {
      const port = await freePort();
      const dataDir = await mkdtemp(join(tmpdir(), 'crucible-two-'));
      dirs.push(dataDir);
      const env = { ...shared, CRUCIBLE_PORT: String(port), CRUCIBLE_STANDBY: 'on', ...given };
      const { promise: spawned, resolve: onSpawn } = Promise.withResolvers<ChildProcess>();
      const started = startServer({ dataDir, temporal, env, onSpawn });
      started.catch(() => undefined);
      starting.push(started);
      return { url: `http://127.0.0.1:${port}`, child: await spawned, started };
    },
    async [Symbol.asyncDispose]() {
      for (const started of starting)
        await started.then(
          (server) => server[Symbol.asyncDispose](),
          () => undefined,
        );
      await database[Symbol.asyncDispose]();
      await temporal[Symbol.asyncDispose]();
      for (const dir of dirs) await rm(dir, { recursive: true, force: true });
    },
  };
};

/** What a server says at its door: its status, and the state of its log. */
export const readiness = async (url: string): Promise<readonly unknown[]> => {
  try {
    const answer = await fetch(`${url}/readyz`);
    const { components } = (await answer.json()) as {
      components: readonly { name: string; state: string }[];
    };
    return [answer.status, components.find(({ name }) => name === 'log')?.state];
  } catch {
    return ['closed'];
  }
};
