import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { auditLog, auditRuns, readAll, readRuns } from '../crash/audit.ts';
import { load, settle, type Memory } from '../crash/load.ts';
import { restOf } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { startSurrealServer, surrealBinary } from '../support/surreal-server.ts';
import { temporalServer } from '../support/temporal-server.ts';

const WAIT = { timeout: 60_000, interval: 100 };

const binary = surrealBinary();
const why =
  binary === undefined ? ' (skipped: no `surreal` on the PATH, and CRUCIBLE_TEST_SURREAL names none)' : '';

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** A database server, a Temporal, and servers that stand by while another one writes. */
const openPlace = async () => {
  const temporal = await temporalServer();
  const database = await startSurrealServer(binary ?? '');
  const dirs: string[] = [];
  const starting: Promise<TestServer>[] = [];
  return {
    async start(): Promise<{
      readonly url: string;
      readonly child: ChildProcess;
      readonly started: Promise<TestServer>;
    }> {
      const port = await freePort();
      const dataDir = await mkdtemp(join(tmpdir(), 'crucible-two-'));
      dirs.push(dataDir);
      const env = {
        CRUCIBLE_LOG_LEVEL: 'error',
        CRUCIBLE_PORT: String(port),
        CRUCIBLE_STANDBY: 'on',
        CRUCIBLE_SURREAL_URL: database.url,
        CRUCIBLE_SURREAL_USER: 'root',
        CRUCIBLE_SURREAL_PASS: 'root',
      };
      const { promise: spawned, resolve: onSpawn } = Promise.withResolvers<ChildProcess>();
      const started = startServer({ dataDir, temporal, env, onSpawn });
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

/** What it says at its door: its status, and that of its log. */
const readiness = async (url: string): Promise<readonly unknown[]> => {
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

it.skipIf(binary === undefined)(
  `two servers: the leader is killed under load, the one that stands by goes on where it was${why}`,
  async () => {
    await using place = await openPlace();
    const first = await place.start();
    const leader = await first.started;
    const second = await place.start();
    await expect.poll(() => readiness(second.url), WAIT).toEqual([503, 'starting']);
    expect((await fetch(`${second.url}/healthz`)).status).toBe(200);
    const elsewhere = await restOf(second.url)('POST', '/events', { type: 'custom.x', payload: {} });
    expect([elsewhere.status, elsewhere.body.code]).toEqual([503, 'fenced']);
    expect(elsewhere.headers.get('retry-after')).toBe('1');

    const rest = restOf(first.url);
    const trigger = { events: [{ type: 'custom.crash.hooked' }] };
    const action = { type: 'script', source: 'export default () => 1;' };
    const hook = await rest('POST', '/hooks', { name: 'crash-hook', trigger, action });
    expect(hook.status).toBe(201);
    const memory: Memory = { sent: [], next: 0 };
    const { signal } = new AbortController();
    const loading = load(rest, memory, { callers: 8, hookedEvery: 10, signal, run: 'two' });
    const acknowledged = () => memory.sent.filter(({ acknowledged: done }) => done !== undefined).length;
    await expect.poll(acknowledged, WAIT).toBeGreaterThan(500);
    await leader.kill();
    await loading;

    const follower = await second.started;
    expect(await readiness(second.url)).toEqual([200, 'ready']);
    const after = restOf(second.url);
    await settle(after, memory);
    const runs = () => readRuns(after, '/hooks/crash-hook/runs');
    const unfinished = async () => (await runs()).filter(({ state }) => state !== 'succeeded').length;
    await expect.poll(unfinished, WAIT).toBe(0);
    const events = await readAll(after);
    expect(auditLog(events, memory)).toEqual([]);
    expect(auditRuns('crash-hook', events, await runs(), new Set(['hook.executed']))).toEqual([]);

    // The other way, and in good order: the lease is given back, so that the next one need not wait for its end.
    const third = await place.start();
    await expect.poll(() => readiness(third.url), WAIT).toEqual([503, 'starting']);
    expect(await follower.stop()).toBe(0);
    const next = await third.started;
    expect((await restOf(third.url)('POST', '/events', { type: 'custom.x', payload: {} })).status).toBe(201);

    // One that stands by has nothing under way: asked to stop, it ends.
    const fourth = await place.start();
    await expect.poll(() => readiness(fourth.url), WAIT).toEqual([503, 'starting']);
    fourth.child.kill('SIGTERM');
    await expect(fourth.started).rejects.toThrow('the server ended with 0 before it was ready');
    expect(await next.stop()).toBe(0);
  },
);
