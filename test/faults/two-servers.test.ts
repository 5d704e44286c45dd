import { expect, it } from 'vitest';
import { auditLog, auditRuns, readAll, readRuns } from '../crash/audit.ts';
import { load, settle, type Memory } from '../crash/load.ts';
import { restOf } from '../support/rest.ts';
import { openSeveralServers, readiness } from '../support/several-servers.ts';
import { surrealBinary } from '../support/surreal-server.ts';

const WAIT = { timeout: 60_000, interval: 100 };

const binary = surrealBinary();
const why =
  binary === undefined ? ' (skipped: no `surreal` on the PATH, and CRUCIBLE_TEST_SURREAL names none)' : '';

it.skipIf(binary === undefined)(
  `two servers: the leader is killed under load, the one that stands by goes on where it was${why}`,
  async () => {
    await using place = await openSeveralServers(binary ?? '');
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
