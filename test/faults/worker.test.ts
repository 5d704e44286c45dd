import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { auditRuns, readAll, readRuns } from '../crash/audit.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { openSeveralServers, TEST_INTERNAL_KEY, type SeveralServers } from '../support/several-servers.ts';
import { surrealBinary } from '../support/surreal-server.ts';

const WAIT = { timeout: 90_000, interval: 200 };

const binary = surrealBinary();
const why =
  binary === undefined ? ' (skipped: no `surreal` on the PATH, and CRUCIBLE_TEST_SURREAL names none)' : '';

const ENV = {
  CRUCIBLE_INTERNAL_KEY: TEST_INTERNAL_KEY,
  CRUCIBLE_INTERNAL_PORT: '0',
  CRUCIBLE_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
};

const HOOKS = ['crash-a', 'crash-b', 'crash-c', 'crash-d'];
const BURST = 40;

/** Of each process that made an attempt of the last burst, its id: the parent of the command. */
const pidsOf = async (rest: Rest, hook: string): Promise<readonly number[]> => {
  const { body } = await rest('GET', `/hooks/${hook}/runs?limit=${BURST}`);
  const runs = await Promise.all(body.data.map(({ id }: { id: string }) => rest('GET', `/runs/${id}`)));
  return runs.flatMap(({ body: { attempts } }) =>
    attempts.map(({ detail }: { detail: { stdout?: string } }) => Number(detail.stdout)),
  );
};

const statusOf = async (url: string): Promise<number> => {
  try {
    return (await fetch(`${url}/readyz`)).status;
  } catch {
    return 0;
  }
};

const startWorker = async (place: SeveralServers, dataDir: string): Promise<TestServer> =>
  startServer({
    dataDir,
    temporal: place.temporal,
    env: { ...place.env, ...ENV },
    program: 'worker',
  });

it.skipIf(binary === undefined)(
  `workers of their own: they execute runs, one is killed in the middle, and so is the server that writes${why}`,
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'crucible-worker-'));
    await using place = await openSeveralServers(binary ?? '');
    const first = await place.start(ENV);
    const leader = await first.started;
    const rest = restOf(first.url);
    for (const name of HOOKS) {
      const trigger = { events: [{ type: 'custom.crash.hooked' }] };
      // Its parent is the process that executes it.
      const action = { type: 'shell', command: ['sh', '-c', 'sleep 0.1; echo $PPID'] };
      expect((await rest('POST', '/hooks', { name, trigger, action })).status).toBe(201);
    }
    const publish = async (by: Rest): Promise<void> => {
      const answers = await Promise.all(
        Array.from({ length: BURST }, (_, n) =>
          by('POST', '/events', { type: 'custom.crash.hooked', payload: { n } }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    };
    const unfinished = async (by: Rest): Promise<number> => {
      const all = await Promise.all(HOOKS.map((hook) => readRuns(by, `/hooks/${hook}/runs`)));
      return all.flat().filter(({ state }) => state !== 'succeeded').length;
    };
    const pids = async (by: Rest): Promise<readonly number[]> =>
      (await Promise.all(HOOKS.map((hook) => pidsOf(by, hook)))).flat();
    /** Publishes until an attempt was made in this process. */
    const untilDoneBy = async (by: Rest, pid: number | undefined): Promise<void> => {
      await expect
        .poll(async () => {
          await publish(by);
          await expect.poll(() => unfinished(by), WAIT).toBe(0);
          return pid !== undefined && (await pids(by)).includes(pid);
        }, WAIT)
        .toBe(true);
    };

    let worker = await startWorker(place, dataDir);
    try {
      expect(await statusOf(worker.url)).toBe(200);
      expect((await fetch(`${worker.url}/healthz`)).status).toBe(200);
      expect(await (await fetch(`${worker.url}/metrics`)).text()).toContain('crucible_temporal_working 1');
      expect((await fetch(`${worker.url}/api/v1/events`)).status).toBe(404);
      await untilDoneBy(rest, worker.child.pid);

      // Killed while it has runs in its hands.
      const before = (await readAll(rest)).length;
      await publish(rest);
      await expect
        .poll(async () => (await readAll(rest)).length, { ...WAIT, interval: 20 })
        .toBeGreaterThan(before + BURST + 8);
      await worker.kill();
      await expect.poll(() => unfinished(rest), WAIT).toBe(0);

      // The server that writes is killed: the worker goes on with the next one.
      worker = await startWorker(place, dataDir);
      const second = await place.start(ENV);
      await publish(rest);
      await leader.kill();
      await second.started;
      const after = restOf(second.url);
      await expect.poll(() => statusOf(worker.url), WAIT).toBe(200);
      await expect.poll(() => unfinished(after), WAIT).toBe(0);
      await untilDoneBy(after, worker.child.pid);

      // Asked to stop, it ends what it has in its hands, and leaves the rest to the others.
      await publish(after);
      expect(await worker.stop()).toBe(0);
      await expect.poll(() => unfinished(after), WAIT).toBe(0);

      const events = await readAll(after);
      expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
      for (const hook of HOOKS) {
        const runs = await readRuns(after, `/hooks/${hook}/runs`);
        expect(auditRuns(hook, events, runs, new Set(['hook.executed']))).toEqual([]);
      }
    } finally {
      await worker.kill();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
  300_000,
);
