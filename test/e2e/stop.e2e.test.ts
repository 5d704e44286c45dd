import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAll, readRuns } from '../crash/audit.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';
import { startReceiver } from '../support/webhooks.ts';

/** SIGTERM in the middle of work: what was acknowledged stays, what was begun ends, and nothing is done twice. */

let dir: string;
let temporal: TestTemporal;
let server: TestServer | undefined;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-stop-e2e-'));
  temporal = await temporalServer();
});
afterAll(async () => {
  await server?.stop();
  await temporal?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const start = async (): Promise<Rest> => {
  server = await startServer({ dataDir: dir, temporal, env: { CRUCIBLE_LOG_LEVEL: 'error' } });
  return restOf(server.url);
};

test(
  'SIGTERM under load ends with 0 and loses nothing that was acknowledged',
  { timeout: 180_000 },
  async () => {
    await using sink = await startReceiver();
    let rest = await start();
    const trigger = { events: [{ type: 'custom.load' }] };
    const hook = { name: 'load', trigger, action: { type: 'script', source: 'export default () => 1;' } };
    expect((await rest('POST', '/hooks', hook)).status).toBe(201);
    const webhook = await rest('POST', '/webhooks', {
      url: sink.url,
      filters: [{ event_type: 'custom.load' }],
    });
    expect(webhook.status).toBe(201);

    const acknowledged = new Map<number, { id: string; position: number }>();
    const faults: unknown[] = [];
    let sent = 0;
    const client = async (): Promise<void> => {
      for (;;) {
        const n = (sent += 1);
        try {
          const { status, body } = await rest('POST', '/events', { type: 'custom.load', payload: { n } });
          if (status === 201) acknowledged.set(n, body.data[0]);
          // While it ends it may refuse, and says so.
          else if (status !== 503) faults.push({ status, body });
        } catch {
          return;
        }
      }
    };
    const clients = Array.from({ length: 8 }, client);
    await expect.poll(() => acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(150);
    expect(await server?.stop()).toBe(0);
    await Promise.all(clients);
    expect(faults).toEqual([]);

    rest = await start();
    const events = await readAll(rest);
    expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
    const stored = new Map(events.map((event) => [event.position, event]));
    for (const [n, { id, position }] of acknowledged)
      expect(stored.get(position)).toMatchObject({ id, payload: { n } });
    const told = events.flatMap(({ type }) => (/^system\.(started|shutdown)$/.test(type) ? [type] : []));
    expect(told).toEqual(['system.started', 'system.shutdown', 'system.started']);

    const load = events.filter(({ type }) => type === 'custom.load').map(({ id }) => id);
    const paths = ['/hooks/load/runs', `/webhooks/${webhook.body.id}/deliveries`];
    for (const path of paths) {
      await expect
        .poll(async () => (await readRuns(rest, path)).filter(({ state }) => state === 'succeeded').length, {
          timeout: 90_000,
          interval: 250,
        })
        .toBe(load.length);
      const runs = await readRuns(rest, path);
      expect(runs.map((run) => run.event_id).toSorted()).toEqual(load.toSorted());
    }
    const times = new Map<unknown, number>();
    for (const { headers } of sink.received)
      times.set(headers['x-crucible-event-id'], (times.get(headers['x-crucible-event-id']) ?? 0) + 1);
    expect(new Set(times.keys())).toEqual(new Set(load));
    // Ended in good order: no delivery was cut off after it was sent.
    expect([...times.values()].filter((count) => count > 1)).toEqual([]);
    expect(await server?.stop()).toBe(0);
  },
);
