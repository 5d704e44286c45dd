import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditExecutions, readAll, readRuns, type StoredRun } from '../crash/audit.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';
import { startReceiver } from '../support/webhooks.ts';
import { DOOMED, dyingAt, type DeathPoint } from './faulty/options.ts';

/** A server that SIGKILL ends at exactly the moments in which something stands half done. */

const WAIT = { timeout: 60_000, interval: 100 };

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await temporalServer();
});
afterAll(async () => temporal?.[Symbol.asyncDispose]());

/** A data directory of its own, with a server that dies at the point, and one after it that does not. */
const openPlace = async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'crucible-killed-'));
  const env = { CRUCIBLE_LOG_LEVEL: 'error' };
  const servers: TestServer[] = [];
  const start = async (more: Readonly<Record<string, string>> = {}): Promise<TestServer> => {
    const server = await startServer({ dataDir, temporal, env: { ...env, ...more } });
    servers.push(server);
    return server;
  };
  return {
    dying: (point: DeathPoint) => start(dyingAt(point)),
    sound: () => start(),
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

const create = async (rest: Rest, path: string, body: object): Promise<string> => {
  const answer = await rest('POST', path, body);
  expect(answer).toMatchObject({ status: 201 });
  return answer.body.id;
};
const trigger = { events: [{ type: DOOMED }] };
const HOOK = { name: 'doomed', trigger, action: { type: 'script', source: 'export default () => 1;' } };

/** Publishes to a server that dies of it: the answer never comes. */
const publishInto = async (server: TestServer, headers: Record<string, string> = {}): Promise<void> => {
  const answered = restOf(server.url)('POST', '/events', { type: DOOMED, payload: { n: 1 } }, headers).then(
    ({ status }) => status,
    () => 'no answer',
  );
  await expect.poll(() => server.child.signalCode, WAIT).toBe('SIGKILL');
  await answered;
};

const succeeded = async (rest: Rest, path: string): Promise<readonly StoredRun[]> => {
  await expect
    .poll(async () => (await readRuns(rest, path)).map(({ state }) => state), WAIT)
    .toEqual(['succeeded']);
  return readRuns(rest, path);
};

/** What Temporal has started for the events of these runs is these runs, once each. What it lists lags behind a little. */
const expectStartedOnce = async (runs: readonly StoredRun[]): Promise<void> => {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const client = new Client({ connection, namespace: temporal.namespace });
    const started = async () => {
      const all = await Array.fromAsync(client.workflow.list(), ({ workflowId }) => ({ workflowId }));
      return all.filter(({ workflowId }) => runs.some(({ event_id: id }) => workflowId.includes(id)));
    };
    await expect.poll(async () => auditExecutions(await started(), runs), WAIT).toEqual([]);
  } finally {
    await connection.close();
  }
};

describe('SIGKILL', () => {
  it('after a commit and before its answer: the same key gives the same ids, and nothing stands twice', async () => {
    await using place = await openPlace();
    const key = { 'idempotency-key': 'once-and-for-all' };
    const dying = await place.dying('committed');
    await create(restOf(dying.url), '/hooks', HOOK);
    await publishInto(dying, key);

    const rest = restOf((await place.sound()).url);
    const doomed = async () => (await readAll(rest)).filter(({ type }) => type === DOOMED);
    const [stored, ...others] = await doomed();
    expect(others).toEqual([]);
    expect(stored).toMatchObject({ payload: { n: 1 } });
    const again = await rest('POST', '/events', { type: DOOMED, payload: { n: 1 } }, key);
    expect(again.status).toBe(201);
    expect(again.body.data).toMatchObject([{ id: stored?.id, position: stored?.position }]);
    expect(await doomed()).toEqual([stored]);
    const runs = await succeeded(rest, '/hooks/doomed/runs');
    expect(runs.map(({ event_id: id }) => id)).toEqual([stored?.id]);
    await expectStartedOnce(runs);
  });

  it('between a commit and the start of its runs: they are started, once', async () => {
    await using place = await openPlace();
    await using sink = await startReceiver();
    const dying = await place.dying('starting');
    const before = restOf(dying.url);
    await create(before, '/hooks', HOOK);
    const webhook = await create(before, '/webhooks', { url: sink.url, filters: [{ event_type: DOOMED }] });
    await publishInto(dying);
    expect(sink.received).toEqual([]);

    const rest = restOf((await place.sound()).url);
    const runs = [
      ...(await succeeded(rest, '/hooks/doomed/runs')),
      ...(await succeeded(rest, `/webhooks/${webhook}/deliveries`)),
    ];
    await expectStartedOnce(runs);
    expect(sink.received).toHaveLength(1);
    const told = (await readAll(rest)).map(({ type }) => type);
    expect(told.filter((type) => /^(hook\.executed|webhook\.delivered)$/.test(type)).toSorted()).toEqual([
      'hook.executed',
      'webhook.delivered',
    ]);
  });

  it('after a delivery was sent and before it was recorded: it is sent again under the same webhook-id', async () => {
    await using place = await openPlace();
    await using sink = await startReceiver();
    const dying = await place.dying('recording');
    const webhook = await create(restOf(dying.url), '/webhooks', {
      url: sink.url,
      filters: [{ event_type: DOOMED }],
    });
    await publishInto(dying);
    expect(sink.received).toHaveLength(1);

    const rest = restOf((await place.sound()).url);
    const runs = await succeeded(rest, `/webhooks/${webhook}/deliveries`);
    await expectStartedOnce(runs);
    const [first, second, ...others] = sink.received;
    expect(others).toEqual([]);
    expect(first?.headers['webhook-id']).toMatch(/./);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.body).toBe(first?.body);
    const told = (await readAll(rest)).filter(({ type }) => type === 'webhook.delivered');
    expect(told).toMatchObject([{ payload: { run_id: runs[0]?.id } }]);
    expect((await rest('GET', `/runs/${runs[0]?.id}`)).body.attempts).toHaveLength(1);
  });
});
