import { Client, Connection } from '@temporalio/client';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRuns } from '../crash/audit.ts';
import { drainedRuns } from '../support/drained-runs.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';
import { startReceiver } from '../support/webhooks.ts';

/** What a user sees while Temporal is away, and after it came back. */

let dir: string;
let temporal: TestTemporal;
let server: TestServer;
let rest: Rest;
let sink: Awaited<ReturnType<typeof startReceiver>>;
let webhookId: string;

const start = async (): Promise<void> => {
  server = await startServer({ dataDir: dir, temporal, env: { CRUCIBLE_LOG_LEVEL: 'error' } });
  rest = restOf(server.url);
};

const created = async (path: string, body: object): Promise<string> => {
  const answer = await rest('POST', path, body);
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body.id;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-away-e2e-'));
  temporal = await temporalServer();
  sink = await startReceiver();
  await start();
  const trigger = { events: [{ type: 'custom.away' }] };
  const script = {
    name: 'by-script',
    trigger,
    action: { type: 'script', source: 'export default () => 1;' },
  };
  const http = { name: 'by-http', trigger, action: { type: 'http', url: `${sink.url}/by-http` } };
  for (const hook of [script, http]) await created('/hooks', hook);
  const webhook = { url: `${sink.url}/webhook`, filters: [{ event_type: 'custom.away' }] };
  webhookId = await created('/webhooks', webhook);
});
afterAll(async () => {
  await server?.stop();
  await temporal?.[Symbol.asyncDispose]();
  await sink?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const WAIT = { timeout: 60_000, interval: 100 };

const publish = async (count: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const { status, body } = await rest('POST', '/events', { type: 'custom.away', payload: { n } });
    expect(status).toBe(201);
    ids.push(body.data[0].id);
  }
  return ids;
};
const paths = (): readonly string[] => [
  '/hooks/by-script/runs',
  '/hooks/by-http/runs',
  `/webhooks/${webhookId}/deliveries`,
];
/** How many runs of all targets stand where, for these events. */
const states = async (events: readonly string[]): Promise<Record<string, number>> => {
  const wanted = new Set(events);
  const counts: Record<string, number> = {};
  for (const path of paths())
    for (const { event_id, state } of await readRuns(rest, path))
      if (wanted.has(event_id)) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
};
const temporalHealth = async (): Promise<[status: number, state: string]> => {
  const response = await fetch(`${server.url}/readyz`);
  const body = (await response.json()) as { components: { name: string; state: string }[] };
  return [response.status, body.components.find(({ name }) => name === 'temporal')?.state ?? 'none'];
};
/**
 * The events of a target's runs: those with workflows of their own, in the order in which Temporal started them, then
 * those that its drain has worked, in the order in which they began.
 */
const startedFor = async (target: string): Promise<string[]> => {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const client = new Client({ connection, namespace: temporal.namespace });
    const found: { event: string; at: number }[] = [];
    for await (const { workflowId, raw } of client.workflow.list()) {
      const { seconds, nanos } = raw.startTime ?? {};
      if (workflowId.startsWith(`${target}:`))
        found.push({
          event: workflowId.slice(target.length + 1),
          // Exact to a microsecond, which a double can hold.
          at: Number(seconds) * 1e6 + Number(nanos) / 1e3,
        });
    }
    const runs = (await Promise.all(paths().map((path) => readRuns(rest, path)))).flat();
    const eventOf = new Map(runs.map((run) => [run.id, run.event_id]));
    const drained = await drainedRuns(client, target);
    return [
      ...found.toSorted((a, b) => a.at - b.at).map(({ event }) => event),
      ...drained.flatMap((id) => eventOf.get(id) ?? []),
    ];
  } finally {
    await connection.close();
  }
};
const timesReceived = (path: string, events: readonly string[]): number[] =>
  events.map(
    (id) =>
      sink.received.filter(
        (request) => request.path.endsWith(path) && request.headers['x-crucible-event-id'] === id,
      ).length,
  );

const allRanOnceInOrder = async (events: readonly string[]): Promise<void> => {
  await expect.poll(() => states(events), WAIT).toEqual({ succeeded: 3 * events.length });
  for (const path of ['/by-http', '/webhook'])
    expect(timesReceived(path, events)).toEqual(events.map(() => 1));
  for (const target of ['hook:by-script', 'hook:by-http', `webhook:${webhookId}`]) {
    // What is listed lags behind a little.
    await expect
      .poll(async () => {
        const started = await startedFor(target);
        return started.filter((id) => events.includes(id));
      }, WAIT)
      .toEqual(events);
  }
  expect((await rest('GET', '/events?type=hook.failed')).body.data).toEqual([]);
  expect((await rest('GET', '/events?type=webhook.delivery_failed')).body.data).toEqual([]);
};

test('writes go on, nothing runs, and all runs run once in order when it is back', async () => {
  await allRanOnceInOrder(await publish(2));
  expect(await temporalHealth()).toEqual([200, 'ready']);

  await temporal.server.stop();
  const events = await publish(60);
  await expect.poll(temporalHealth, WAIT).toEqual([200, 'degraded']);
  expect(await states(events)).toEqual({ pending: 3 * events.length });
  expect(timesReceived('/by-http', events)).toEqual(events.map(() => 0));
  // Everything else is as ever.
  expect((await rest('GET', `/events/${events[0]}/trace`)).body.data).toHaveLength(1);
  const { body: run } = await rest('GET', '/hooks/by-script/runs?limit=1');
  expect((await rest('GET', `/runs/${run.data[0].id}`)).body).toMatchObject({
    state: 'pending',
    attempts: [],
  });
  const made = await rest('POST', '/webhooks', { url: sink.url, filters: [{ event_type: 'custom.later' }] });
  expect(made.status).toBe(201);
  expect((await rest('DELETE', `/webhooks/${made.body.id}`)).status).toBe(204);

  await temporal.restart();
  await allRanOnceInOrder(events);
  await expect.poll(temporalHealth, WAIT).toEqual([200, 'ready']);
});

test('a server that is killed and starts meanwhile forgets nothing of it', async () => {
  await temporal.server.stop();
  const before = await publish(20);
  await server.kill();
  await start();
  expect(await temporalHealth()).toEqual([200, 'degraded']);
  const after = await publish(20);
  expect(await states([...before, ...after])).toEqual({ pending: 120 });
  await temporal.restart();
  await allRanOnceInOrder([...before, ...after]);
});

test('a server ends in good order without it', async () => {
  await temporal.server.stop();
  const events = await publish(5);
  expect(await server.stop()).toBe(0);
  await temporal.restart();
  await start();
  await allRanOnceInOrder(events);
});
