import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type TestClient } from '../../src/stream/testing/client.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Actions of agents that are connected: the real server, the real Temporal, real connections. */

const WAIT = { timeout: 60_000, interval: 100 };

let stack: Stack;
let server: TestServer;
let rest: Rest;

beforeAll(async () => {
  stack = await startStack();
  ({ server, rest } = stack);
});
afterAll(async () => {
  await server?.stop();
  await stack?.[Symbol.asyncDispose]();
});

const number = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
const register = async (name: string, timeoutMs = 30_000): Promise<string> => {
  const handler = { type: 'stream', timeout_ms: timeoutMs };
  const made = await rest('POST', '/agents', { name, actions: [{ name: 'go', handler, outputs: number }] });
  expect([made.status, made.body]).toMatchObject([201, { id: name }]);
  const { body } = await rest('POST', '/keys', { name, role: 'agent', agent: name });
  return body.key;
};
const open = async (key: string): Promise<TestClient> => {
  const client = await connect(`${server.url.replace('http', 'ws')}/api/v1/events/stream`, {
    headers: { authorization: `Bearer ${key}` },
  });
  await client.nextOf('hello');
  return client;
};
const act = (name: string, waitMs = 60_000) =>
  rest('POST', `/agents/${name}/actions`, { action: 'go', inputs: { q: 'x' }, wait_ms: waitMs });
const runOf = async (id: string) => (await rest('GET', `/runs/${id}`)).body;
const ended = async (id: string) => {
  await expect.poll(async () => (await runOf(id)).finished_at, WAIT).not.toBeNull();
  return runOf(id);
};
const answer = (client: TestClient, { run_id: runId }: Readonly<Record<string, unknown>>, outputs: unknown) =>
  client.send({ action: 'result', run_id: runId, outputs });

test('an action is done by the agent that is connected, and is told', async () => {
  await using client = await open(await register('done'));
  const asked = act('done');
  const action = await client.nextOf('action');
  expect(action).toMatchObject({
    agent_id: 'done',
    world: 'default',
    action: 'go',
    inputs: { q: 'x' },
    attempt: 1,
  });
  answer(client, action, { n: 42 });
  const { status, body } = await asked;
  expect([status, body]).toMatchObject([
    200,
    { run_id: action['run_id'], state: 'succeeded', outputs: { n: 42 } },
  ]);
  expect(action).toMatchObject({ idempotency_key: `${body.run_id}.0`, causation_id: body.event_id });
  const told = await rest('POST', '/events/query', {
    type: 'agent.action_executed',
    filter: { agent_id: 'done' },
  });
  expect(told.body.data).toMatchObject([
    { payload: { success: true, outputs: { n: 42 }, run_id: body.run_id } },
  ]);
});

/** The one that was given the first action, and the other one. */
const holderFirst = async (one: TestClient, two: TestClient): Promise<readonly [TestClient, TestClient]> => {
  const isAsked = ({ received }: TestClient) => received.some(({ type }) => type === 'action');
  await expect.poll(() => isAsked(one) || isAsked(two), WAIT).toBe(true);
  return isAsked(one) ? [one, two] : [two, one];
};

test('of two connections one is asked; when it breaks, the other one is, within the same attempt', async () => {
  const key = await register('twins');
  await using one = await open(key);
  await using two = await open(key);
  const asked = act('twins');
  const [holder, other] = await holderFirst(one, two);
  expect(other.received.map(({ type }) => type)).not.toContain('action');
  holder.ws.terminate();
  const action = await other.nextOf('action');
  expect(action).toEqual(await holder.nextOf('action'));
  answer(other, action, { n: 2 });
  const { body } = await asked;
  expect(body).toMatchObject({ state: 'succeeded', outputs: { n: 2 } });
  expect(await runOf(body.run_id)).toMatchObject({ attempt_count: 1 });
});

test('without a connection it waits for its next attempt, and for one that comes', async () => {
  const key = await register('later');
  const { status, body } = await act('later', 0);
  expect(status).toBe(202);
  await expect.poll(async () => (await runOf(body.run_id)).reason, WAIT).toBe('not_connected');
  await using client = await open(key);
  const action = await client.nextOf('action');
  answer(client, action, { n: 3 });
  const run = await ended(body.run_id);
  expect(run).toMatchObject({ state: 'succeeded' });
  expect(run.attempts[0]).toMatchObject({ outcome: 'failed', error: { code: 'not_connected' } });
});

test('outputs that do not fit fail the action', async () => {
  await using client = await open(await register('wrong'));
  const asked = act('wrong');
  answer(client, await client.nextOf('action'), { n: 'one' });
  expect((await asked).body).toMatchObject({
    state: 'failed',
    outputs: null,
    error: { code: 'outputs_invalid' },
  });
});

test('an answer that is late is refused; the next attempt goes to another connection under the same key', async () => {
  const key = await register('late', 2_000);
  await using one = await open(key);
  await using two = await open(key);
  const { body } = await act('late', 0);
  const [late, other] = await holderFirst(one, two);
  const first = await late.nextOf('action');
  const second = await other.nextOf('action');
  expect(second).toMatchObject({ attempt: 2, idempotency_key: first['idempotency_key'] });
  answer(late, first, { n: 0 });
  expect(await late.nextOf('error')).toMatchObject({
    code: 'not_found',
    request: { action: 'result', run_id: body.run_id },
  });
  answer(other, second, { n: 4 });
  answer(other, second, { n: 5 });
  expect(await other.nextOf('error')).toMatchObject({ code: 'not_found' });
  const run = await ended(body.run_id);
  expect(run.attempts).toMatchObject([
    { outcome: 'failed', error: { code: 'timeout' } },
    { outcome: 'succeeded', detail: { output: { n: 4 } } },
  ]);
});

test('a server that is stopped in the middle asks again when it is back', async () => {
  const key = await register('survivor');
  const client = await open(key);
  const { body } = await act('survivor', 0);
  const before = await client.nextOf('action');
  expect(await server.stop()).toBe(0);
  expect((await client.closed).code).toBe(1012);

  server = await startServer({ dataDir: stack.dir, temporal: stack.temporal });
  rest = restOf(server.url);
  await using again = await open(key);
  const action = await again.nextOf('action');
  expect(action).toMatchObject({ run_id: body.run_id, idempotency_key: before['idempotency_key'] });
  answer(again, action, { n: 6 });
  const run = await ended(body.run_id);
  expect(run).toMatchObject({ state: 'succeeded' });
  expect(run.attempts.at(-1)).toMatchObject({ outcome: 'succeeded' });
});
