import { describe, expect, test } from 'vitest';
import { startReceiver } from '../../test/support/webhooks.ts';
import { openAgents } from '../../test/support/open-agents.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { ActionResult } from '../stream/connected-agents.ts';

type Agents = Awaited<ReturnType<typeof openAgents>>;

const json = (value: unknown) => (_request: unknown, response: { writeHead: Function; end: Function }) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
};
const ask = (a: Agents, action: string, inputs: Record<string, never> | object = {}, more: object = {}) =>
  a.as('default', () =>
    a.actions.execute('bot', { action, inputs: inputs as Record<string, string> }, { waitMs: 0, ...more }),
  );
/** Asked, attempted once, and what it came to. */
const attempted = async (a: Agents, action: string, inputs: object = {}) => {
  const { run_id: id } = await ask(a, action, inputs);
  const answer = await a.attempt(await a.runOf(id));
  return { answer, run: await a.runOf(id) };
};
const told = async (a: Agents) => (await a.events('agent.action_executed')).map(({ payload }) => payload);

describe('an action that is asked for', () => {
  test('is an event and its run, in one commit', async () => {
    await using a = await openAgents();
    await a.register({
      name: 'Bot',
      actions: [{ name: 'go', handler: { type: 'script', code: 'export default () => 1;' } }],
    });
    const result = await ask(a, 'go', { q: 'x' });
    expect(result).toMatchObject({ state: 'pending', ended: false, outputs: null, error: null });
    const run = await a.runOf(result.run_id);
    expect(run).toMatchObject({
      kind: 'agent',
      target: 'agent:default/bot',
      event_type: 'agent.action_requested',
      event_id: result.event_id,
      workflow_id: `agent:default/bot:${result.event_id}`,
      correlation_id: 'cor_story',
    });
    expect((await a.events('agent.action_requested'))[0]).toMatchObject({
      position: run.event_position,
      subject: 'agent:bot',
      payload: { agent_id: 'bot', action: 'go', inputs: { q: 'x' } },
    });
  });

  test('is refused before anything is told, if it does not fit', async () => {
    await using a = await openAgents();
    const inputs = { type: 'object', properties: { q: { type: 'string' } }, required: ['q'] };
    await a.register({
      name: 'Bot',
      actions: [{ name: 'go', inputs, handler: { type: 'script', code: 'export default () => 1;' } }],
    });
    const before = a.log.head();
    await expect(ask(a, 'go', { q: 1 })).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'inputs.q' }],
    });
    await expect(ask(a, 'stop')).rejects.toMatchObject({
      code: 'invalid',
      hint: 'It has go.',
      issues: [{ path: 'action' }],
    });
    await expect(
      a.as('lab', () => a.actions.execute('bot', { action: 'go', inputs: {} }, { waitMs: 0 })),
    ).rejects.toMatchObject({ code: 'not_found' });
    expect(a.log.head()).toBe(before);
  });

  test('is the same run under the same key, also when the agent is gone', async () => {
    await using a = await openAgents();
    await a.register({
      name: 'Bot',
      actions: [{ name: 'go', handler: { type: 'script', code: 'export default () => 1;' } }],
    });
    const key = { idempotency: { scope: 's', key: 'k', hash: 'h' } };
    const first = await ask(a, 'go', {}, key);
    await a.as('default', () => a.agents.unregister('bot'));
    expect(await ask(a, 'go', {}, key)).toEqual(first);
    expect(await a.events('agent.action_requested')).toHaveLength(1);
  });

  test('wakes who waits for its end, and only then', async () => {
    await using a = await openAgents();
    await a.register({
      name: 'Bot',
      actions: [
        { name: 'go', handler: { type: 'script', code: 'export default ({ inputs }) => inputs.n + 1;' } },
      ],
    });
    const started = Promise.withResolvers<string>();
    a.log.onCommit(({ reactions }) => {
      const [run] = reactions;
      if (run !== undefined) started.resolve(run.row.id);
    });
    const asked = ask(a, 'go', { n: 41 }, { waitMs: 60_000 });
    await a.attempt(await a.runOf(await started.promise));
    expect(await asked).toMatchObject({ state: 'succeeded', ended: true, outputs: 42, error: null });
  });
});

describe('over http', () => {
  const bot = (url: string, more: object = {}, headers: object = {}) => ({
    name: 'Bot',
    actions: [{ name: 'go', handler: { type: 'http', url, headers, timeout_ms: 300 }, ...more }],
  });

  test('the agent is told everything, and its answer is the outputs', async () => {
    await using a = await openAgents({ secrets: { TOKEN: 'hush-5f1c9a' } });
    await using receiver = await startReceiver(json({ found: 3, echo: 'hush-5f1c9a' }));
    await a.register(bot(receiver.url, {}, { Authorization: 'Bearer {{ secrets.TOKEN }}' }));
    const { run } = await attempted(a, 'go', { q: 'x' });
    expect(run.state).toBe('succeeded');
    const [request] = receiver.received;
    expect(request?.method).toBe('POST');
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer hush-5f1c9a',
      'content-type': 'application/json',
      'idempotency-key': `${run.id}.0`,
      'x-crucible-agent': 'bot',
      'x-crucible-action': 'go',
      'x-crucible-run': run.id,
      'x-crucible-causation-id': run.event_id,
      'x-correlation-id': 'cor_story',
    });
    expect(JSON.parse(request?.body ?? '')).toEqual({
      run_id: run.id,
      agent_id: 'bot',
      action: 'go',
      inputs: { q: 'x' },
      correlation_id: 'cor_story',
      attempt: 1,
      idempotency_key: `${run.id}.0`,
      deadline: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(await a.events('agent.action_executed')).toMatchObject([
      {
        actor: 'agent:bot',
        source: { kind: 'agent', agent_id: 'bot' },
        subject: 'agent:bot',
        causation_id: run.event_id,
        correlation_id: 'cor_story',
        depth: 1,
        payload: {
          agent_id: 'bot',
          action: 'go',
          inputs: { q: 'x' },
          outputs: { found: 3, echo: '[secret TOKEN]' },
          success: true,
          run_id: run.id,
        },
      },
    ]);
    expect(a.stored()).not.toContain('hush-5f1c9a');
  });

  test.each<[string, number, string]>([
    ['a fault of the server', 500, 'retrying'],
    ['too many requests', 429, 'retrying'],
    ['a refusal', 400, 'failed'],
  ])('%s is tried again, or not: %i', async (_name, status, state) => {
    await using a = await openAgents();
    await using receiver = await startReceiver(
      (_request, response) => void response.writeHead(status).end('no'),
    );
    await a.register(bot(receiver.url));
    const { run } = await attempted(a, 'go');
    expect(run).toMatchObject({ state });
    const end = { success: false, error: { code: `http_${status}` } };
    expect(await told(a)).toMatchObject(state === 'failed' ? [end] : []);
  });

  test('is dead when its attempts are used up', async () => {
    await using a = await openAgents();
    await using receiver = await startReceiver((_request, response) => void response.writeHead(503).end());
    await a.register(bot(receiver.url));
    const { run_id: id } = await ask(a, 'go');
    for (const number of [1, 2, 3, 4]) await a.attempt(await a.runOf(id), number);
    expect(await a.runOf(id)).toMatchObject({ state: 'dead', attempts: 4 });
    expect(await told(a)).toMatchObject([{ success: false, error: { code: 'http_503' } }]);
  });

  test('a server that hangs is left at its time-out', async () => {
    await using a = await openAgents();
    await using receiver = await startReceiver(() => undefined);
    await a.register(bot(receiver.url));
    const { run } = await attempted(a, 'go');
    expect(run).toMatchObject({ state: 'retrying' });
  });

  test.each<[string, Parameters<typeof startReceiver>[0], string]>([
    ['what does not fit', json({ found: 'three' }), 'outputs_invalid'],
    ['what is no JSON', (_request, response) => void response.end('<html>'), 'bad_answer'],
    [
      'nothing, where something must be',
      (_request, response) => void response.writeHead(204).end(),
      'outputs_invalid',
    ],
    ['too much', json({ found: 1, text: 'x'.repeat(70_000) }), 'outputs_too_large'],
    ['far too much', json({ found: 1, text: 'x'.repeat(200_000) }), 'outputs_too_large'],
    [
      'what nests without end',
      (_request, response) => void response.end(`${'['.repeat(20_000)}${']'.repeat(20_000)}`),
      'outputs_too_large',
    ],
  ])('an answer fails that is %s', async (_name, answer, code) => {
    await using a = await openAgents();
    await using receiver = await startReceiver(answer);
    const outputs = { type: 'object', properties: { found: { type: 'integer' } }, required: ['found'] };
    await a.register(bot(receiver.url, { outputs }));
    const { run } = await attempted(a, 'go');
    expect(run.state).toBe('failed');
    expect(await told(a)).toMatchObject([{ success: false, error: { code } }]);
    expect((await told(a))[0]).not.toHaveProperty('outputs');
  });

  test('a secret that is not there is told by its name', async () => {
    await using a = await openAgents();
    await using receiver = await startReceiver();
    await a.register(bot(receiver.url, {}, { 'x-api-key': '{{ secrets.MISSING }}' }));
    const { run } = await attempted(a, 'go');
    expect(run).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('CRUCIBLE_HOOK_SECRET_MISSING'),
    });
    expect(receiver.received).toEqual([]);
  });
});

describe('by script', () => {
  const bot = (code: string, more: object = {}) => ({
    name: 'Bot',
    actions: [{ name: 'go', handler: { type: 'script', code, timeout_ms: 500 }, ...more }],
  });

  test('what it returns is the outputs', async () => {
    await using a = await openAgents();
    await a.register(
      bot('export default async ({ inputs, agent_id }) => ({ text: `${agent_id}: ${inputs.q}` });'),
    );
    const { run } = await attempted(a, 'go', { q: 'x' });
    expect(run.state).toBe('succeeded');
    expect(await told(a)).toMatchObject([{ success: true, outputs: { text: 'bot: x' } }]);
  });

  test.each<[string, string, object, string]>([
    ['throws', 'export default () => { throw new Error("no"); };', {}, 'script_error'],
    ['never ends', 'export default () => new Promise(() => {});', {}, 'timeout'],
    [
      'does not fit',
      'export default () => ({ n: "1" });',
      { outputs: { properties: { n: { type: 'integer' } } } },
      'outputs_invalid',
    ],
  ])('is final when it %s', async (_name, code, more, error) => {
    await using a = await openAgents();
    await a.register(bot(code, more));
    const { run } = await attempted(a, 'go');
    expect(run.state).toBe('failed');
    expect(await told(a)).toMatchObject([{ success: false, error: { code: error } }]);
  });

  test('large inputs and outputs stand where they were said to stand', async () => {
    await using a = await openAgents();
    await a.register(bot('export default () => "x".repeat(20_000);'));
    const { run } = await attempted(a, 'go', { text: 'y'.repeat(20_000) });
    const [payload] = await told(a);
    expect(payload).toMatchObject({
      inputs: { omitted: expect.stringContaining(run.event_id) },
      outputs: { omitted: expect.stringContaining('the attempt') },
    });
  });
});

describe('over the stream', () => {
  const number = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
  const bot = {
    name: 'Bot',
    actions: [{ name: 'go', handler: { type: 'stream', timeout_ms: 100 }, outputs: number }],
  };
  const connect = (a: Agents, result?: ActionResult) => {
    const asked: JsonObject[] = [];
    const seat = a.connections.join({
      agentId: 'bot',
      worlds: undefined,
      ready: () => true,
      send: (action) => {
        asked.push(action);
        if (result !== undefined) seat.answer(action['run_id'] as string, result);
      },
    });
    return asked;
  };

  test('a connection is told everything, and its answer is the outputs', async () => {
    await using a = await openAgents();
    await a.register(bot);
    const asked = connect(a, { outputs: { n: 1 } });
    const { run } = await attempted(a, 'go', { q: 'x' });
    expect(run).toMatchObject({ state: 'succeeded' });
    expect(asked).toEqual([
      {
        run_id: run.id,
        agent_id: 'bot',
        world: 'default',
        action: 'go',
        inputs: { q: 'x' },
        correlation_id: 'cor_story',
        causation_id: run.event_id,
        attempt: 1,
        idempotency_key: `${run.id}.0`,
        deadline: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    ]);
    expect(await told(a)).toMatchObject([{ success: true, outputs: { n: 1 } }]);
  });

  test.each<[string, ActionResult, object]>([
    [
      'outputs that do not fit are final',
      { outputs: { n: 'one' } },
      { state: 'failed', reason: 'outputs_invalid' },
    ],
    ['an error is final', { error: { message: 'cannot' } }, { state: 'failed', reason: 'agent_error' }],
    [
      'an error that may pass is tried again',
      { error: { message: 'busy', retry: true } },
      { state: 'retrying', reason: 'agent_error' },
    ],
  ])('%s', async (_name, result, expected) => {
    await using a = await openAgents();
    await a.register(bot);
    connect(a, result);
    expect((await attempted(a, 'go')).run).toMatchObject(expected);
  });

  test('nobody, and nobody who answers, is tried again', async () => {
    await using a = await openAgents();
    await a.register(bot);
    const { run } = await attempted(a, 'go');
    expect(run).toMatchObject({ state: 'retrying', reason: 'not_connected' });
    connect(a);
    await a.attempt(run, 2);
    expect(await a.runOf(run.id)).toMatchObject({ state: 'retrying', reason: 'timeout', attempts: 2 });
  });

  test('without a connection it is dead after 24 attempts, and one that the server ends does not count', async () => {
    await using a = await openAgents();
    await a.register(bot);
    const { run_id: id } = await ask(a, 'go');
    for (let n = 1; n < 24; n += 1) await a.attempt(await a.runOf(id), n);
    expect(await a.runOf(id)).toMatchObject({ state: 'retrying', attempts: 23 });
    a.connections.close();
    await a.attempt(await a.runOf(id), 24);
    expect(await a.runOf(id)).toMatchObject({
      state: 'retrying',
      reason: 'stopping',
      attempts: 24,
      uncharged: 1,
    });
  });
});

describe('an agent that has gone', () => {
  const bot = {
    name: 'Bot',
    actions: [{ name: 'go', handler: { type: 'script', code: 'export default () => 1;' } }],
  };

  test('does nothing any more, and that is told', async () => {
    await using a = await openAgents();
    await a.register(bot);
    const { run_id: id } = await ask(a, 'go');
    await a.as('default', () => a.agents.unregister('bot'));
    await a.attempt(await a.runOf(id));
    expect(await a.runOf(id)).toMatchObject({ state: 'skipped', reason: 'disabled' });
    expect(await told(a)).toMatchObject([
      { success: false, error: { code: 'disabled', message: 'the agent has been unregistered' } },
    ]);
  });

  test('a run that is terminated is told too', async () => {
    await using a = await openAgents();
    await a.register(bot);
    const { run_id: id } = await ask(a, 'go', { q: 1 });
    const ended = { state: 'failed', reason: 'terminated', error: 'terminated by hand' } as const;
    await a.settle(await a.runOf(id), ended);
    expect(await told(a)).toMatchObject([
      { success: false, inputs: { q: 1 }, error: { code: 'terminated' }, run_id: id },
    ]);
  });
});
