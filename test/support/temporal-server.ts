import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import { findTemporalBinary } from '../../src/temporal/binary.ts';
import type { TemporalBinary } from '../../src/temporal/binary.ts';
import { startDevServer } from '../../src/temporal/dev-server.ts';
import type { DevServer } from '../../src/temporal/dev-server.ts';

/** The real server program, from the user's own cache, so that it is fetched once a machine. */
export const testBinary = (): Promise<TemporalBinary> =>
  findTemporalBinary({
    given: process.env['CRUCIBLE_TEMPORAL_BINARY'],
    cacheDir: join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'crucible'),
    logger: silentLogger,
  });

export interface TestTemporal extends AsyncDisposable {
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string;
  /** A directory of its own, removed at the end. */
  readonly dir: string;
  readonly server: DevServer;
  /** Ends the server, and starts it again on the same ports and data. */
  restart(): Promise<void>;
}

/** A real dev server on free ports and a temporary directory: `await using temporal = await temporalServer()`. */
export const temporalServer = async (logger: Logger = silentLogger): Promise<TestTemporal> => {
  const dir = await mkdtemp(join(tmpdir(), 'crucible-temporal-test-'));
  const namespace = 'crucible-test';
  const binary = await testBinary();
  const start = (port: number, uiPort: number): Promise<DevServer> =>
    startDevServer({ binary, dataDir: dir, port, uiPort, namespace, logger });
  let server = await start(0, 0);
  return {
    address: server.address,
    namespace,
    uiUrl: server.uiUrl,
    dir,
    get server() {
      return server;
    },
    async restart() {
      await server.stop();
      server = await start(portOf(server.address), portOf(server.uiUrl));
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
};

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
