import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type ExpectStatic } from 'vitest';
import { readAll, readRuns } from '../crash/audit.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { startSurrealServer, surrealBinary } from '../support/surreal-server.ts';
import { temporalServer } from '../support/temporal-server.ts';

const WAIT = { timeout: 60_000, interval: 100 };

const binary = surrealBinary();
const why =
  binary === undefined ? ' (skipped: no `surreal` on the PATH, and CRUCIBLE_TEST_SURREAL names none)' : '';

/** A database server and a Temporal of their own, and servers on them. */
const openPlace = async () => {
  const temporal = await temporalServer();
  const database = await startSurrealServer(binary ?? '');
  const dirs: string[] = [];
  const servers: TestServer[] = [];
  return {
    database,
    async start(): Promise<TestServer> {
      const dataDir = await mkdtemp(join(tmpdir(), 'crucible-remote-'));
      dirs.push(dataDir);
      const env = {
        CRUCIBLE_LOG_LEVEL: 'error',
        CRUCIBLE_SURREAL_URL: database.url,
        CRUCIBLE_SURREAL_USER: 'root',
        CRUCIBLE_SURREAL_PASS: 'root',
      };
      const server = await startServer({ dataDir, temporal, env });
      servers.push(server);
      return server;
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await temporal[Symbol.asyncDispose]();
      for (const dir of dirs) await rm(dir, { recursive: true, force: true });
    },
  };
};

const createHook = async (rest: Rest): Promise<void> => {
  const trigger = { events: [{ type: 'custom.tick' }] };
  const action = { type: 'script', source: 'export default () => 1;' };
  expect((await rest('POST', '/hooks', { name: 'ticking', trigger, action })).status).toBe(201);
};
const publish = (rest: Rest, n: number) =>
  rest('POST', '/events', { type: 'custom.tick', payload: { n } }, { 'idempotency-key': `tick-${n}` });

/** What `/readyz` says, and of the log. */
const logStateOf = async ({ url }: TestServer): Promise<readonly unknown[]> => {
  const answer = await fetch(`${url}/readyz`);
  const { components } = (await answer.json()) as { components: readonly { name: string; state: string }[] };
  return [answer.status, components.find(({ name }) => name === 'log')?.state];
};

/** What each key stands for in the log; every key once, and no position missing. */
const ticks = async (rest: Rest): Promise<ReadonlyMap<unknown, { id: string; position: number }>> => {
  const events = await readAll(rest);
  expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
  const found = events.filter(({ type }) => type === 'custom.tick');
  const byNumber = new Map(found.map((event) => [event.payload['n'], event]));
  expect(byNumber.size).toBe(found.length);
  return byNumber;
};
const allRan = async (expect: ExpectStatic, rest: Rest): Promise<void> => {
  const events = [...(await ticks(rest)).values()].map(({ id }) => id).toSorted();
  const succeeded = async () => {
    const runs = await readRuns(rest, '/hooks/ticking/runs');
    return runs.flatMap(({ event_id: id, state }) => (state === 'succeeded' ? [id] : [])).toSorted();
  };
  await expect.poll(succeeded, WAIT).toEqual(events);
  expect(await readRuns(rest, '/hooks/ticking/runs')).toHaveLength(events.length);
};

// At the same time, because most of it is waiting: for leases and patience to end.
describe.skipIf(binary === undefined).concurrent(`servers on a SurrealDB server${why}`, () => {
  it('answer 503 while it is away, and go on where they were when it is back', async ({ expect }) => {
    await using place = await openPlace();
    const server = await place.start();
    const rest = restOf(server.url);
    await createHook(rest);
    const acknowledged = new Map<number, { id: string; position: number }>();
    const send = async (n: number): Promise<number> => {
      const { status, body } = await publish(rest, n);
      if (status === 201) acknowledged.set(n, body.data[0]);
      return status;
    };
    for (let n = 0; n < 10; n += 1) expect(await send(n)).toBe(201);

    await place.database.kill();
    const away = await Promise.all(Array.from({ length: 40 }, (_, i) => send(10 + i)));
    expect(new Set(away)).toEqual(new Set([503]));
    // The first have waited as long as one may; from then on it is told at once, with the time to wait.
    const refused = await publish(rest, 10);
    expect([refused.status, refused.body.code]).toEqual([503, 'log_unavailable']);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    const read = await rest('GET', '/hooks/ticking/runs');
    expect([read.status, read.body.code]).toEqual([503, 'log_unavailable']);
    // The newest events are in memory, which is shown as long as nobody else can be writing.
    await expect.poll(async () => (await rest('GET', '/events')).status, WAIT).toBe(503);
    expect(await logStateOf(server)).toEqual([503, 'failed']);

    await place.database.start();
    for (let n = 0; n < 50; n += 1) await expect.poll(() => send(n), WAIT).toBe(201);
    const stored = await ticks(rest);
    expect(stored.size).toBe(50);
    for (const [n, { id, position }] of acknowledged) expect(stored.get(n)).toMatchObject({ id, position });
    await allRan(expect, rest);
    await expect.poll(() => logStateOf(server), WAIT).toEqual([200, 'ready']);
    expect(await server.stop()).toBe(0);
  });

  it('follow each other: the next takes the lease of one that hangs, which can write no more and ends', async ({
    expect,
  }) => {
    await using place = await openPlace();
    const first = await place.start();
    await createHook(restOf(first.url));
    const acknowledged = await publish(restOf(first.url), 1);
    expect(acknowledged.status).toBe(201);

    // It does not die, it only stands still, longer than its lease.
    first.child.kill('SIGSTOP');
    const next = await place.start();
    const rest = restOf(next.url);
    expect((await publish(rest, 2)).status).toBe(201);
    const late = [publish(restOf(first.url), 3), restOf(first.url)('GET', '/events')].map((asked) =>
      asked.then(
        ({ status }) => status,
        () => 'no answer',
      ),
    );
    first.child.kill('SIGCONT');
    for (const answer of await Promise.all(late)) expect([503, 'no answer']).toContain(answer);
    await expect.poll(() => first.child.exitCode, WAIT).toBe(75);

    const stored = await ticks(rest);
    expect([...stored.keys()]).toEqual([1, 2]);
    const [{ id, position }] = acknowledged.body.data;
    expect(stored.get(1)).toMatchObject({ id, position });
    await allRan(expect, rest);
    expect(await next.stop()).toBe(0);
  });

  it('follow each other: the next takes the place of one that is killed', async ({ expect }) => {
    await using place = await openPlace();
    const first = await place.start();
    await createHook(restOf(first.url));
    expect((await publish(restOf(first.url), 1)).status).toBe(201);
    const starting = place.start();
    await first.kill();
    const next = await starting;
    const rest = restOf(next.url);
    expect((await publish(rest, 2)).status).toBe(201);
    expect([...(await ticks(rest)).keys()]).toEqual([1, 2]);
    await allRan(expect, rest);
    expect(await next.stop()).toBe(0);
  });
});

// One after the other: each has a Temporal of its own, and those that start at the same time may take each other's ports.
describe.skipIf(binary === undefined)(`a server whose SurrealDB server is away${why}`, () => {
  it.each(['gone', 'hanging'] as const)(
    'ends in good order when it is asked to while that is %s',
    async (how) => {
      await using place = await openPlace();
      const server = await place.start();
      const rest = restOf(server.url);
      await createHook(rest);
      expect((await publish(rest, 1)).status).toBe(201);
      if (how === 'gone') await place.database.kill();
      else place.database.hang();
      const late = publish(rest, 2);
      expect(await server.stop()).toBe(0);
      expect([503, 'no answer']).toContain(
        await late.then(
          ({ status }) => status,
          () => 'no answer',
        ),
      );
    },
  );
});
