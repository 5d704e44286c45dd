import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesBelow, historiesOf, leaksIn } from '../support/leaks.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, TEST_KEY, type TestServer } from '../support/server-process.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { startReceiver, type Answer } from '../support/webhooks.ts';

/** Actions of agents on the real server, the real Temporal and real receivers: seen through the API and requests alone. */

const SECRET = 'hush-Q7/zz+"quoted" %agent% 41c8';
const WAIT = { timeout: 60_000, interval: 100 };

let stack: Stack;
let server: TestServer;
let rest: Rest;
let client: Client;
let connection: Connection;

const environment = { CRUCIBLE_HOOK_SECRET_AGENT: SECRET, CRUCIBLE_LOG_LEVEL: 'debug' };
beforeAll(async () => {
  stack = await startStack(environment);
  ({ server, rest } = stack);
  connection = await Connection.connect({ address: stack.temporal.address });
  client = new Client({ connection, namespace: stack.temporal.namespace });
});
afterAll(async () => {
  await connection?.close();
  await server?.stop();
  await stack?.[Symbol.asyncDispose]();
});

const register = async (name: string, action: object): Promise<void> => {
  const { status, body } = await rest('POST', '/agents', { name, actions: [{ name: 'go', ...action }] });
  expect([status, body]).toMatchObject([201, { id: name }]);
};
const overHttp = (url: string, more: object = {}) => ({ handler: { type: 'http', url, ...more } });
const byScript = (code: string, more: object = {}) => ({ handler: { type: 'script', code }, ...more });
const act = (name: string, body: object = {}, headers: Record<string, string> = {}) =>
  rest('POST', `/agents/${name}/actions`, { action: 'go', ...body }, headers);
const runOf = async (id: string) => (await rest('GET', `/runs/${id}`)).body;
const ended = async (id: string) => {
  await expect.poll(async () => (await runOf(id)).finished_at, WAIT).not.toBeNull();
  return runOf(id);
};
const executed = async (name: string): Promise<Record<string, unknown>[]> => {
  const { body } = await rest('POST', '/events/query', {
    type: 'agent.action_executed',
    order: 'asc',
    filter: { agent_id: name },
    limit: 1_000,
  });
  return body.data.map(({ payload }: { payload: Record<string, unknown> }) => payload);
};

const json =
  (value: unknown, status = 200): Answer =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

describe('an action by script', () => {
  test('answers when it has ended, and is a workflow', async () => {
    await register('adder', byScript('export default ({ inputs }) => ({ sum: inputs.a + inputs.b });'));
    const { status, body } = await act('adder', { inputs: { a: 20, b: 22 } });
    expect([status, body]).toMatchObject([
      200,
      { state: 'succeeded', ended: true, outputs: { sum: 42 }, error: null },
    ]);
    const run = await runOf(body.run_id);
    expect(run).toMatchObject({
      kind: 'agent',
      target: 'agent:default/adder',
      state: 'succeeded',
      event_id: body.event_id,
      event_type: 'agent.action_requested',
      attempt_count: 1,
    });
    const described = await client.workflow.getHandle(run.workflow_id).describe();
    expect([described.type, described.status.name, described.runId]).toEqual([
      'action',
      'COMPLETED',
      run.temporal_run_id,
    ]);
    // Visibility is written a moment after the workflow.
    const query = `CrucibleKind = 'agent' AND CrucibleRunIds = '${run.id}'`;
    await expect.poll(async () => (await client.workflow.count(query)).count, WAIT).toBe(1);
    expect(await executed('adder')).toMatchObject([
      { action: 'go', inputs: { a: 20, b: 22 }, outputs: { sum: 42 }, success: true, run_id: run.id },
    ]);
    const { body: story } = await rest('GET', `/events/${body.event_id}/trace`);
    expect(story.data.map(({ type }: { type: string }) => type)).toEqual([
      'agent.action_requested',
      'agent.action_executed',
    ]);
  });

  test('is refused by the schema before it begins, and fails by it when it has ended', async () => {
    const number = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    await register(
      'strict',
      byScript('export default ({ inputs }) => ({ n: String(inputs.n) });', {
        inputs: number,
        outputs: number,
      }),
    );
    expect(await act('strict', { inputs: { n: 'x' } })).toMatchObject({
      status: 422,
      body: { code: 'invalid', errors: [{ path: 'inputs.n', message: 'must be integer' }] },
    });
    expect((await act('strict', { inputs: { n: 1 } })).body).toMatchObject({
      state: 'failed',
      outputs: null,
      error: { code: 'outputs_invalid', message: expect.stringContaining('n must be integer') },
    });
    expect(await executed('strict')).toHaveLength(1);
  });

  test('is done again by replay, under its next generation', async () => {
    await register('again', byScript('export default ({ idempotency_key }) => idempotency_key;'));
    const { body } = await act('again');
    expect(body.outputs).toBe(`${body.run_id}.0`);
    expect((await rest('POST', `/runs/${body.run_id}/replay`)).status).toBe(202);
    const run = await ended(body.run_id);
    expect(run).toMatchObject({ generation: 1, state: 'succeeded' });
    expect((await executed('again')).map(({ outputs }) => outputs)).toEqual([
      `${body.run_id}.0`,
      `${body.run_id}.1`,
    ]);
  });
});

describe('an action over http', () => {
  test('is tried again after a 500, under one key, while its caller waits', async () => {
    await using receiver = await startReceiver((request, response, raw) =>
      json({ attempt: JSON.parse(request.body).attempt }, receiver.received.length < 2 ? 500 : 200)(
        request,
        response,
        raw,
      ),
    );
    await register('patient', overHttp(receiver.url));
    const { status, body } = await act('patient', { wait_ms: 60_000 });
    expect([status, body]).toMatchObject([200, { state: 'succeeded', outputs: { attempt: 2 } }]);
    expect(receiver.received.map(({ headers }) => headers['idempotency-key'])).toEqual([
      `${body.run_id}.0`,
      `${body.run_id}.0`,
    ]);
    expect((await runOf(body.run_id)).attempts).toMatchObject([
      { outcome: 'failed', error: { code: 'http_500' } },
      { outcome: 'succeeded' },
    ]);
  });

  test('is left at its time-out, and tried again', async () => {
    await using receiver = await startReceiver((request, response, raw) => {
      if (receiver.received.length > 1) json('late')(request, response, raw);
    });
    await register('slow', overHttp(receiver.url, { timeout_ms: 200 }));
    const { status, body } = await act('slow', { wait_ms: 0 });
    expect([status, body]).toMatchObject([202, { ended: false, outputs: null }]);
    expect(await ended(body.run_id)).toMatchObject({
      state: 'succeeded',
      attempts: [{ error: { code: 'timeout' } }, { outcome: 'succeeded' }],
    });
  });

  test('goes on when its caller goes away', async () => {
    const held = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    await using receiver = await startReceiver((request, response, raw) => {
      asked.resolve();
      void held.promise.then(() => json('done')(request, response, raw));
    });
    await register('alone', overHttp(receiver.url));
    const gone = new AbortController();
    const call = fetch(`${server.url}/api/v1/agents/alone/actions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${TEST_KEY}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ action: 'go', wait_ms: 60_000 }),
      signal: gone.signal,
    });
    await asked.promise;
    gone.abort();
    await expect(call).rejects.toThrow('aborted');
    held.resolve();
    await expect.poll(() => executed('alone'), WAIT).toMatchObject([{ outputs: 'done', success: true }]);
  });

  test('sends secrets, and keeps them nowhere', async () => {
    await using receiver = await startReceiver((request, response, raw) =>
      json({ you: request.headers['x-api-key'] })(request, response, raw),
    );
    await register('discreet', overHttp(receiver.url, { headers: { 'X-Api-Key': '{{ secrets.AGENT }}' } }));
    const { body } = await act('discreet');
    expect(body).toMatchObject({ state: 'succeeded', outputs: { you: '[secret AGENT]' } });
    expect(receiver.received[0]?.headers['x-api-key']).toBe(SECRET);
    const reads = [
      (await rest('GET', '/agents/discreet')).body,
      await runOf(body.run_id),
      (await rest('GET', '/events?limit=1000')).body,
    ];
    const places = {
      ...(await filesBelow(stack.dir)),
      histories: await historiesOf(stack.temporal),
      reads: JSON.stringify(reads),
      log: server.stderr(),
    };
    expect(Object.values(places).join('')).toContain('secrets.AGENT');
    expect(leaksIn(places, [SECRET])).toEqual([]);
  });

  test('that is cancelled in Temporal ends as terminated, and is told', async () => {
    await using receiver = await startReceiver(json('busy', 503));
    await register('doomed', overHttp(receiver.url));
    const { body } = await act('doomed', { wait_ms: 0 });
    await expect.poll(() => receiver.received.length, WAIT).toBe(1);
    await client.workflow.getHandle((await runOf(body.run_id)).workflow_id).cancel();
    expect(await ended(body.run_id)).toMatchObject({ state: 'failed', reason: 'terminated' });
    expect(await executed('doomed')).toMatchObject([{ success: false, error: { code: 'terminated' } }]);
  });
});

describe('a burst', () => {
  test('of actions of one agent is worked by its drain, each once', async () => {
    await register('busy', byScript('export default ({ inputs }) => inputs.i;'));
    const asked = await Promise.all(
      Array.from({ length: 60 }, (_, i) => act('busy', { inputs: { i }, wait_ms: 60_000 })),
    );
    expect(asked.filter(({ body }) => body.state !== 'succeeded').map(({ body }) => body)).toEqual([]);
    expect(asked.map(({ body }) => body.outputs)).toEqual(Array.from({ length: 60 }, (_, i) => i));
    expect(await executed('busy')).toHaveLength(60);
  });
});

describe('a server that is killed', () => {
  test('in the middle of an action finishes it when it is back: one run, one end, one key', async () => {
    const asked = Promise.withResolvers<void>();
    await using receiver = await startReceiver((request, response, raw) => {
      asked.resolve();
      if (receiver.received.length > 1) json('done')(request, response, raw);
    });
    await register('survivor', overHttp(receiver.url));
    const key = { 'idempotency-key': 'once' };
    const lost = act('survivor', { wait_ms: 60_000 }, key).catch(() => 'lost');
    await asked.promise;
    await server.kill();
    expect(await lost).toBe('lost');

    server = await startServer({ dataDir: stack.dir, temporal: stack.temporal, env: environment });
    rest = restOf(server.url);
    const { status, body } = await act('survivor', { wait_ms: 60_000 }, key);
    expect([status, body]).toMatchObject([200, { state: 'succeeded', outputs: 'done' }]);
    expect(new Set(receiver.received.map(({ headers }) => headers['idempotency-key']))).toEqual(
      new Set([`${body.run_id}.0`]),
    );
    expect(await executed('survivor')).toMatchObject([{ success: true, run_id: body.run_id }]);
    const { body: requests } = await rest('POST', '/events/query', {
      type: 'agent.action_requested',
      filter: { agent_id: 'survivor' },
    });
    expect(requests.data).toHaveLength(1);
  });
});
