import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { createInternalServer } from '../../src/internal/server.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { LogStore } from '../../src/log/store.ts';
import { startWorker } from '../../src/main/start-worker.ts';
import { TABLES } from '../../src/main/tables.ts';
import { openSurrealStore } from '../../src/surreal/surreal-store.ts';
import { startSurrealServer, surrealBinary, type SurrealServer } from '../support/surreal-server.ts';

const WAIT = { timeout: 30_000, interval: 50 };
const KEY = 'k'.repeat(32);
const binary = surrealBinary();
const why =
  binary === undefined ? ' (skipped: no `surreal` on the PATH, and CRUCIBLE_TEST_SURREAL names none)' : '';

describe.skipIf(binary === undefined)(`a worker that cannot work${why}`, () => {
  let database: SurrealServer;
  let dataDir: string;
  beforeAll(async () => {
    database = await startSurrealServer(binary ?? '');
    dataDir = await mkdtemp(join(tmpdir(), 'crucible-worker-'));
  });
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const configOf = (env: Readonly<Record<string, string>>) =>
    loadConfig({
      env: {
        CRUCIBLE_PORT: '0',
        CRUCIBLE_DATA_DIR: dataDir,
        CRUCIBLE_SURREAL_URL: database.url,
        CRUCIBLE_SURREAL_USER: 'root',
        CRUCIBLE_SURREAL_PASS: 'root',
        CRUCIBLE_INTERNAL_KEY: KEY,
        CRUCIBLE_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
        // Nobody listens there.
        TEMPORAL_ADDRESS: '127.0.0.1:1',
        ...env,
      },
      cwd: dataDir,
      dev: false,
      file: false,
    });

  const start = async (env: Readonly<Record<string, string>> = {}) => {
    const worker = await startWorker({
      config: configOf(env),
      logger: silentLogger,
      version: '0.0.0',
      readSecret: () => undefined,
      environment: {},
    });
    return {
      ...worker,
      /** The state of each part, and why. */
      readiness: async (): Promise<string> => {
        const answer = await fetch(`${worker.url}/readyz`);
        const { components } = (await answer.json()) as {
          components: readonly { name: string; state: string; detail?: string }[];
        };
        return [answer.status, ...components.map((part) => `${part.name} ${part.state} ${part.detail}`)].join(
          ', ',
        );
      },
      [Symbol.asyncDispose]: () => worker.close(),
    };
  };

  const openStore = (): Promise<LogStore> =>
    openSurrealStore({
      ...configOf({}).surreal,
      tables: TABLES,
      holder: 'test',
      logger: silentLogger,
      takeover: true,
    });

  it('says that no server writes, and lives', async () => {
    await using worker = await start();
    await expect.poll(worker.readiness, WAIT).toBe('503, leader starting no server writes to the database');
    expect((await fetch(`${worker.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${worker.url}/metrics`)).status).toBe(200);
    await worker.close();
    await expect(fetch(`${worker.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('says that the server that writes cannot be followed', async () => {
    const store = await openStore();
    await store.acquire();
    await using worker = await start();
    await expect
      .poll(worker.readiness, WAIT)
      .toBe('503, leader starting the server that writes has no CRUCIBLE_INTERNAL_KEY');
    await store.close();
  });

  it('says that the server that writes has another key', async () => {
    const server = createInternalServer({ key: 'other'.repeat(8), logger: silentLogger });
    const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
    const store = await openStore();
    await store.acquire(url);
    await using worker = await start();
    await expect.poll(worker.readiness, WAIT).toContain('The internal key is missing or another one');
    await server.close();
    await store.close();
  });

  it('stops without waiting for a database that is away', { timeout: 10_000 }, async () => {
    await using worker = await start({ CRUCIBLE_SURREAL_URL: 'ws://127.0.0.1:1/rpc' });
    expect(await worker.readiness()).toBe('503, leader starting it has just started');
    await worker.close();
  });

  it('says that the database is away, goes on when it is there again, and stops meanwhile if it is asked to', async () => {
    await using worker = await start();
    await expect.poll(worker.readiness, WAIT).toContain('no server writes to the database');
    await database.kill();
    await expect.poll(worker.readiness, WAIT).not.toContain('no server writes to the database');
    await database.start();
    await expect.poll(worker.readiness, WAIT).toContain('no server writes to the database');
    await database.kill();
    await worker.close();
    await database.start();
  });

  it('tells its figures to those who have the admin key, where they are not for all', async () => {
    await using worker = await start({ CRUCIBLE_METRICS: 'key', CRUCIBLE_API_KEY: 'a'.repeat(40) });
    const asked = async (headers: Record<string, string>) =>
      (await fetch(`${worker.url}/metrics`, { headers })).status;
    expect(await asked({})).toBe(401);
    expect(await asked({ authorization: `Bearer ${'b'.repeat(40)}` })).toBe(401);
    expect(await asked({ authorization: `Bearer ${'a'.repeat(40)}` })).toBe(200);
    await using closed = await start({ CRUCIBLE_METRICS: 'key' });
    expect(
      (await fetch(`${closed.url}/metrics`, { headers: { authorization: 'Bearer undefined' } })).status,
    ).toBe(401);
    await using none = await start({ CRUCIBLE_METRICS: 'off' });
    expect((await fetch(`${none.url}/metrics`)).status).toBe(404);
  });
});
