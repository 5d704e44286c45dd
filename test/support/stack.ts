import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restOf, type Rest } from './rest.ts';
import { startServer, type TestServer } from './server-process.ts';
import { temporalServer, type TestTemporal } from './temporal-server.ts';

/** A real server on a real Temporal, with a data directory of its own. */
export interface Stack extends AsyncDisposable {
  readonly dir: string;
  readonly temporal: TestTemporal;
  readonly server: TestServer;
  readonly rest: Rest;
}

/** One for a whole file: `beforeAll(async () => (stack = await startStack()))`. Disposing removes everything. */
export const startStack = async (env: Readonly<Record<string, string>> = {}): Promise<Stack> => {
  const dir = await mkdtemp(join(tmpdir(), 'crucible-e2e-'));
  const temporal = await temporalServer();
  try {
    const server = await startServer({ dataDir: dir, temporal, env });
    return {
      dir,
      temporal,
      server,
      rest: restOf(server.url),
      async [Symbol.asyncDispose]() {
        await server.stop();
        await temporal[Symbol.asyncDispose]();
        await rm(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await temporal[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
};
