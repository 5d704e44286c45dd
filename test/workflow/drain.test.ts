import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAll, readRuns, type StoredRun } from '../crash/audit.ts';
import { drainedRuns } from '../support/drained-runs.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';

/** Bursts on a real server with a real Temporal: seen through the API, a receiver, and Temporal's own histories. */

let dir: string;
let temporal: TestTemporal;
let connection: Connection;
let client: Client;

const WAIT = { timeout: 90_000, interval: 200 };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-drain-'));
  temporal = await temporalServer();
  connection = await Connection.connect({ address: temporal.address });
  client = new Client({ connection, namespace: temporal.namespace });
});
afterAll(async () => {
  await connection?.close();
  await temporal?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const start = (name: string): Promise<TestServer> => startServer({ dataDir: join(dir, name), temporal });

const register = async (rest: Rest, name: string, action: object, options: object = {}): Promise<void> => {
  const { status, body } = await rest('POST', '/hooks', {
    name,
    trigger: { events: [{ type: `custom.${name}.tick` }] },
    action,
    options,
  });
  expect({ status, body }).toMatchObject({ status: 201 });
};

const publish = async (rest: Rest, name: string, count: number): Promise<void> => {
  for (let from = 0; from < count; from += 250) {
    const events = Array.from({ length: Math.min(250, count - from) }, (_, i) => ({
      type: `custom.${name}.tick`,
      payload: { n: from + i },
    }));
    const { status } = await rest('POST', '/events', { events });
    expect(status).toBe(201);
  }
};

const runsOf = (rest: Rest, name: string): Promise<readonly StoredRun[]> =>
  readRuns(rest, `/hooks/${name}/runs`);

/** How many runs of the hook are in each state. */
const states = async (rest: Rest, name: string): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const { state } of await runsOf(rest, name)) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
};

/** By run id: how often the log tells of an end. */
const endsOf = async (rest: Rest, runs: readonly StoredRun[]): Promise<readonly number[]> => {
  const ids = new Set(runs.map(({ id }) => id));
  const counts = new Map<string, number>();
  for (const { type, payload } of await readAll(rest)) {
    const id = String(payload['run_id']);
    if (type.startsWith('hook.') && ids.has(id)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return runs.map(({ id }) => counts.get(id) ?? 0);
};

const startReceiver = async (answer: (n: number, earlier: number) => number) => {
  const seen = new Map<number, number>();
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const { n } = JSON.parse(text) as { n: number };
      const earlier = seen.get(n) ?? 0;
      seen.set(n, earlier + 1);
      response.statusCode = answer(n, earlier);
      response.end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const ECHO = {
  type: 'script',
  source: 'export default async (input) => ({ output: input.event.payload.n })',
};

describe('a burst', () => {
  test('runs whole, each run once, is found in a history, and leaves the next event to run directly', async () => {
    await using server = await start('burst');
    const rest = restOf(server.url);
    await register(rest, 'burst', ECHO);
    await publish(rest, 'burst', 2_000);
    await expect.poll(() => states(rest, 'burst'), WAIT).toEqual({ succeeded: 2_000 });
    const runs = await runsOf(rest, 'burst');
    expect(new Set(await endsOf(rest, runs))).toEqual(new Set([1]));
    const drained = runs.filter(({ workflow_id }) => workflow_id === 'drain:hook:burst');
    expect(drained.length).toBeGreaterThan(1_900);
    const inOrder = drained.map(({ id }) => id).toReversed();
    expect(await drainedRuns(client, 'hook:burst')).toEqual(inOrder);
    const { body } = await rest('GET', `/runs/${drained[0]?.id}`);
    expect(body).toMatchObject({ workflow_id: 'drain:hook:burst', attempts: [{ number: 1 }] });

    await publish(rest, 'burst', 1);
    await expect.poll(() => states(rest, 'burst'), WAIT).toEqual({ succeeded: 2_001 });
    const [newest] = await runsOf(rest, 'burst');
    expect(newest?.workflow_id).toBe(`hook:burst:${newest?.event_id}`);
  });

  test('waits for nothing when attempts fail: they are made again when they are due', async () => {
    await using receiver = await startReceiver((n, earlier) => (n % 10 === 0 && earlier === 0 ? 503 : 200));
    await using server = await start('retries');
    const rest = restOf(server.url);
    await register(
      rest,
      'retries',
      { type: 'http', method: 'POST', url: receiver.url, body: { n: '{{ event.payload.n }}' } },
      { retry: { max_attempts: 4, backoff: 'fixed', initial_ms: 700 } },
    );
    await publish(rest, 'retries', 300);
    await expect.poll(() => states(rest, 'retries'), WAIT).toEqual({ succeeded: 300 });
    const runs = await runsOf(rest, 'retries');
    expect(new Set(await endsOf(rest, runs))).toEqual(new Set([1]));
    expect(Array.from({ length: 300 }, (_, n) => receiver.seen.get(n))).toEqual(
      Array.from({ length: 300 }, (_, n) => (n % 10 === 0 ? 2 : 1)),
    );
  });

  test('survives the death of its worker: each run ends once, what was recorded is not repeated', async () => {
    let killed: (() => void) | undefined;
    const middle = new Promise<void>((resolve) => (killed = resolve));
    let total = 0;
    await using receiver = await startReceiver(() => {
      total += 1;
      if (total === 200) killed?.();
      return 200;
    });
    const action = { type: 'http', method: 'POST', url: receiver.url, body: { n: '{{ event.payload.n }}' } };
    const before = await start('killed');
    let recorded: readonly StoredRun[];
    try {
      const rest = restOf(before.url);
      await register(rest, 'killed', action);
      await publish(rest, 'killed', 600);
      await middle;
      recorded = (await runsOf(rest, 'killed')).filter(({ state }) => state === 'succeeded');
    } finally {
      await before.kill();
    }
    expect(recorded.length).toBeLessThan(600);
    await using server = await start('killed');
    const rest = restOf(server.url);
    await expect.poll(() => states(rest, 'killed'), WAIT).toEqual({ succeeded: 600 });
    const runs = await runsOf(rest, 'killed');
    expect(new Set(await endsOf(rest, runs))).toEqual(new Set([1]));
    const done = new Set(recorded.map(({ event_id: id }) => id));
    const numbers = (await readAll(rest))
      .filter(({ id }) => done.has(id))
      .map(({ payload }) => Number(payload['n']));
    expect(numbers.filter((n) => receiver.seen.get(n) !== 1)).toEqual([]);
    expect([...receiver.seen.keys()]).toHaveLength(600);
  });
});
