import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HookAction, HookDefinition } from '../../hooks/definition.ts';
import type { AttemptContext, Executor } from '../../src/dispatch/outcome.ts';
import type { Run } from '../../src/dispatch/run.ts';
import { createEgress } from '../../src/egress/create.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { currentOrigin, withOrigin } from '../../src/kernel/context.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import type { PublishInput } from '../../src/log/event-service.ts';
import { createSandbox } from '../../src/sandbox/create.ts';
import { createHookExecutor } from './index.ts';

const egress = createEgress({
  policy: { allow: ['127.0.0.0/8'], anyPortInAllowed: true },
  logger: silentLogger,
});
const sandbox = createSandbox({ logger: silentLogger, runners: 1 });
const secrets: Record<string, string> = { TOKEN: 'tok/en+"42"', NTFY: 'ntfy-secret-value' };
let registered: { enabled: boolean } | undefined = { enabled: true };
const emitted: { input: PublishInput; origin: Origin | undefined; firstStands: boolean }[] = [];
let executor: Executor;
let receiver: {
  url: string;
  seen: { request: IncomingMessage; body: string }[];
  answer: RequestListener;
  close(): Promise<void>;
};

beforeAll(async () => {
  executor = createHookExecutor({
    egress,
    sandbox,
    clock: systemClock,
    version: '1.2.3',
    targetOf: () => registered,
    readSecret: (name) => secrets[name],
    emit: async (input, { firstStands }) => {
      emitted.push({ input, origin: currentOrigin(), firstStands });
      if (input.type === 'memory.created') throw new Error('clients publish custom.* events only');
      return [{ id: input.id ?? '', position: 7, type: input.type, correlation_id: 'c', duplicate: false }];
    },
    environment: { PATH: process.env['PATH'], CRUCIBLE_API_KEY: 'must-not-be-seen' },
    hookDirs: [],
  });
  const seen: { request: IncomingMessage; body: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({ request, body: Buffer.concat(chunks).toString() });
      receiver.answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer: (_request, response) => void response.end(),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
});

afterAll(async () => {
  await Promise.all([sandbox.close(), egress.close()]);
  await receiver.close();
});

const event: CrucibleEvent = {
  id: 'evt_01890a5d-ac96-774b-bcce-b302099a8057',
  type: 'memory.tagged',
  version: '1.0.0',
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  subject: 'msg_1',
  correlation_id: 'cor_01890a5d-ac96-774b-bcce-b302099a8058',
  causation_id: null,
  depth: 0,
  world: 'main',
  room: null,
  payload: { id: 'msg_1', tag: '#important', n: 3, list: [1, 2] },
  position: 12,
  timestamp: '2026-01-02T03:04:05.678Z',
};

const run = {
  id: 'run_01890a5d-ac96-774b-bcce-b302099a8059',
  generation: 0,
  target: 'hook:h',
  correlation_id: event.correlation_id,
  world: 'main',
  depth: 0,
  key: null,
} as Run;

const hookOf = (action: HookAction, more: Partial<HookDefinition> = {}): HookDefinition => ({
  name: 'notify',
  description: '',
  version: '2.0.0',
  enabled: true,
  worlds: ['main'],
  trigger: { timing: 'post', phase: 'validate', order: 100, events: [] },
  condition: { timeout_ms: 1_000 },
  action,
  permissions: [],
  options: {
    timeout_ms: 10_000,
    retry: { max_attempts: 3, backoff: 'exponential', initial_ms: 1_000, max_ms: 60_000 },
    async: true,
    trace: false,
  },
  tests: [],
  documentation: '',
  ...more,
});

const execute = (hook: HookDefinition, more: Partial<AttemptContext> = {}) =>
  executor.execute({
    run,
    event,
    definition: hook as unknown as JsonObject,
    attempt: 2,
    idempotencyKey: `${run.id}.0`,
    deadline: Date.now() + 12_000,
    signal: new AbortController().signal,
    ...more,
  });

describe('a run whose hook', () => {
  afterEach(() => {
    registered = { enabled: true };
  });

  it.each([
    ['was disabled', { enabled: false }, 'the hook is disabled'],
    ['was removed', undefined, 'the hook has been removed'],
  ])('%s since it matched does nothing, and says why', async (_, target, because) => {
    registered = target;
    const outcome = await execute(hookOf({ type: 'script', source: '() => { throw new Error("ran") }' }));
    expect(outcome).toEqual({ kind: 'skipped', reason: 'disabled', because, detail: {} });
  });
});

describe('script actions', () => {
  const script = (source: string, more: Partial<HookDefinition> = {}, inputs?: JsonObject) =>
    execute(hookOf({ type: 'script', source, ...(inputs === undefined ? {} : { inputs }) }, more));

  it('get the whole protocol and rendered inputs', async () => {
    const outcome = await script(
      'export default (input) => ({ output: input })',
      {},
      { title: 'Tag {{event.payload.tag}}', n: '{{event.payload.n}}', hook: '{{hook.name}} {{attempt}}' },
    );
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      output: {
        event,
        hook: { name: 'notify', version: '2.0.0' },
        attempt: 2,
        run_id: run.id,
        idempotency_key: `${run.id}.0`,
        dry_run: false,
        deadline: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        inputs: { title: 'Tag #important', n: 3, hook: 'notify 2' },
      },
    });
    expect(outcome.detail['output']).toEqual(outcome.kind === 'succeeded' ? outcome.output : 'none');
  });

  it.each([
    ['() => undefined', { kind: 'succeeded', detail: { log: [] } }],
    ['() => ({ tagged: 3 })', { kind: 'succeeded', output: { tagged: 3 } }],
    ['() => "text"', { kind: 'succeeded', output: 'text' }],
    ['() => ({ decision: "allow", output: 1 })', { kind: 'succeeded', output: 1 }],
    ['() => ({ decision: "deny", reason: "no cats" })', { kind: 'denied', reason: 'no cats' }],
    ['() => ({ decision: "deny" })', { kind: 'denied', reason: 'the action gave no reason' }],
    [
      '() => ({ patch: [{ op: "add", path: "/a", value: 1 }] })',
      { kind: 'succeeded', detail: { patch: [{ op: 'add', path: '/a', value: 1 }] } },
    ],
    ['() => ({ decision: "maybe" })', { kind: 'failed', code: 'bad_answer' }],
    ['() => ({ reason: 5 })', { kind: 'failed', code: 'bad_answer' }],
    ['() => ({ patch: {} })', { kind: 'failed', code: 'bad_answer' }],
    [
      '() => { throw new Error("boom") }',
      { kind: 'retryable', code: 'script_error', message: 'Error: boom (notify.js:1:30)' },
    ],
    ['() => { for (;;); }', { kind: 'retryable', code: 'script_cpu' }],
    ['() => "x".repeat(300_000)', { kind: 'failed', code: 'script_result_size' }],
    [
      '(i, c) => { c.log("hello"); }',
      { kind: 'succeeded', detail: { log: ['hello'], cpu_ms: expect.any(Number) as number } },
    ],
  ])('%s', async (source, outcome) => {
    expect(await script(`export default ${source}`)).toMatchObject(outcome);
  });

  it('leave out an output that no ledger should hold', async () => {
    const outcome = await script('export default () => "x".repeat(100_000)');
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      detail: { output: { omitted: expect.any(String) as string } },
    });
  });

  it('time out by their own limit', async () => {
    const hook = hookOf({ type: 'script', source: 'export default () => new Promise(() => {})' });
    const outcome = await execute({ ...hook, options: { ...hook.options, timeout_ms: 100 } });
    expect(outcome).toMatchObject({
      kind: 'retryable',
      code: 'timeout',
      message: 'The script did not end within 100 ms',
    });
  });

  it('are told which permission they lack, and what is not there yet', async () => {
    const tell =
      'export default async (i, c) => { const said = []; for (const f of [c.http.fetch, c.events.emit, c.memory.tag, c.graph.neighbors, c.flows.trigger]) await f().catch((e) => said.push(e.message)); return { output: said }; }';
    expect(await script(tell)).toMatchObject({
      output: [
        'crucible.http.fetch: the hook needs the permission http:fetch',
        'crucible.events.emit: the hook needs the permission events:emit',
        'crucible.memory.tag: the hook needs the permission memory:write',
        'crucible.graph.neighbors: the hook needs the permission graph:read',
        'crucible.flows.trigger: the hook needs the permission flows:trigger',
      ],
    });
    expect(
      await script(tell, {
        permissions: ['memory:write', 'graph:read', 'flows:trigger', 'http:fetch', 'events:emit'],
      }),
    ).toMatchObject({
      output: [
        'crucible.http.fetch: the first argument must be a URL',
        'crucible.events.emit: the argument must be an event: { type, payload, … }',
        'crucible.memory.tag: is not available yet',
        'crucible.graph.neighbors: is not available yet',
        'crucible.flows.trigger: is not available yet',
      ],
    });
  });

  it('fetch through the guard, in the story of the run', async () => {
    receiver.answer = (_request, response) => void response.writeHead(201, { 'x-a': 'b' }).end('made');
    const outcome = await script(
      `export default async (i, c) => {
        const r = await c.http.fetch('${receiver.url}/x', { method: 'POST', body: { a: 1 }, headers: { 'X-Own': 'yes' } });
        const denied = await c.http.fetch('http://169.254.169.254/').catch((e) => e.message);
        return { output: [r.status, r.ok, r.body, r.headers['x-a'], denied] };
      }`,
      { permissions: ['http:fetch'] },
    );
    expect(outcome).toMatchObject({
      output: [201, true, 'made', 'b', expect.stringContaining('cloud metadata') as string],
    });
    const last = receiver.seen.at(-1);
    expect(last?.body).toBe('{"a":1}');
    expect(last?.request.headers).toMatchObject({
      'x-own': 'yes',
      'x-crucible-causation-id': event.id,
      'x-correlation-id': event.correlation_id,
      'content-type': 'application/json',
    });
  });

  it('emit events with the origin of the run, under the same ids in every attempt', async () => {
    emitted.length = 0;
    const origin: Origin = {
      source: { kind: 'system', component: 'hooks' },
      actor: 'hook:h',
      world: 'main',
      correlation_id: 'c',
      causation_id: event.id,
      depth: 1,
    };
    const source = `export default async (i, c) => {
      const one = await c.events.emit({ type: 'custom.a', payload: { n: 1 } });
      const two = await c.events.emit({ type: 'custom.b', payload: {}, subject: 's' });
      const refused = await c.events.emit({ type: 'memory.created', payload: {} }).catch((e) => e.message);
      return { output: [one.position, two.type, refused] };
    }`;
    const hook = hookOf({ type: 'script', source }, { permissions: ['events:emit'] });
    const outcomes = [
      await withOrigin(origin, () => execute(hook, { attempt: 1 })),
      await withOrigin(origin, () => execute(hook, { attempt: 2 })),
    ];
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        output: [7, 'custom.b', 'crucible.events.emit: clients publish custom.* events only'],
      });
    }
    expect(emitted.every((one) => one.origin === origin && one.firstStands)).toBe(true);
    const ids = emitted.map(({ input }) => input.id ?? '');
    expect(ids.slice(0, 3)).toEqual(ids.slice(3));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids)
      expect(id).toMatch(/^evt_01890a5d-ac96-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('what a script emits', () => {
  it('may be given an id of its own, which then names one event for good', async () => {
    emitted.length = 0;
    const id = 'evt_01932f6e-7c1a-7d3e-8f00-1234567890ab';
    const source = `export default (i, c) => c.events.emit({ type: 'custom.a', payload: {}, id: '${id}' })`;
    await execute(hookOf({ type: 'script', source }, { permissions: ['events:emit'] }));
    expect(emitted).toMatchObject([{ input: { id }, firstStands: false }]);
  });

  it('holds no secret that the script was given', async () => {
    emitted.length = 0;
    const source =
      "export default ({ inputs }, c) => c.events.emit({ type: 'custom.a', payload: { said: 'Bearer ' + inputs.token } })";
    const inputs = { token: '{{secrets.NTFY}}' };
    await execute(hookOf({ type: 'script', source, inputs }, { permissions: ['events:emit'] }));
    expect(emitted).toMatchObject([{ input: { payload: { said: 'Bearer [secret NTFY]' } } }]);
  });
});

describe('condition.script', () => {
  const conditioned = (script: string) =>
    execute(
      hookOf(
        { type: 'script', source: 'export default () => "ran"' },
        { condition: { script, timeout_ms: script.includes('new Promise') ? 200 : 5_000 } },
      ),
    );

  it.each([
    ['export default ({ event }) => event.payload.n === 3', { kind: 'succeeded', output: 'ran' }],
    ['export default async () => false', { kind: 'skipped', reason: 'condition' }],
    [
      'export default () => 1',
      {
        kind: 'failed',
        code: 'condition_error',
        message: "The condition's script must return true or false",
      },
    ],
    ['export default () => { throw new Error("x") }', { kind: 'failed', code: 'condition_error' }],
    ['export default () => new Promise(() => {})', { kind: 'retryable', code: 'timeout' }],
  ])('%s', async (script, outcome) => {
    expect(await conditioned(script)).toMatchObject(outcome);
  });
});

describe('http actions', () => {
  const http = (more: Partial<HookAction & { type: 'http' }> = {}) =>
    execute(
      hookOf({ type: 'http', method: 'POST', url: `${receiver.url}/hook?id={{event.payload.id}}`, ...more }),
    );

  it('send what is rendered, with the headers of the run', async () => {
    receiver.answer = (_request, response) => void response.end('thanks');
    const outcome = await http({
      headers: {
        authorization: 'Bearer {{secrets.TOKEN}}',
        'X-Title': '{{event.payload.tag}}',
        'X-Crucible-Event-Id': 'forged',
        'Idempotency-Key': 'forged',
      },
      body: { title: 'Important note', message: '{{event.payload.id}}', n: '{{event.payload.n}}' },
    });
    expect(outcome).toMatchObject({
      kind: 'succeeded',
      detail: {
        request: { method: 'POST', url: `${receiver.url}/hook?id=msg_1` },
        response: { status: 200, body: 'thanks', truncated: false },
      },
    });
    const last = receiver.seen.at(-1);
    expect(last?.request.url).toBe('/hook?id=msg_1');
    expect(JSON.parse(last?.body ?? '')).toEqual({ title: 'Important note', message: 'msg_1', n: 3 });
    expect(last?.request.headers).toMatchObject({
      authorization: 'Bearer tok/en+"42"',
      'x-title': '#important',
      'content-type': 'application/json',
      'user-agent': 'Crucible/1.2.3',
      'idempotency-key': `${run.id}.0`,
      'x-crucible-event-id': event.id,
      'x-crucible-event-type': 'memory.tagged',
      'x-crucible-hook': 'notify',
      'x-crucible-run': run.id,
      'x-crucible-attempt': '2',
      'x-crucible-causation-id': event.id,
      'x-correlation-id': event.correlation_id,
      traceparent: expect.stringMatching(/^00-01890a5dac96774bbcceb302099a8058-[0-9a-f]{16}-01$/) as string,
    });
  });

  it('send the protocol where no body is named, and text as text', async () => {
    await http();
    expect(JSON.parse(receiver.seen.at(-1)?.body ?? '')).toMatchObject({
      event: { id: event.id },
      run_id: run.id,
    });
    await http({ body: 'Tag: {{event.payload.tag}}' });
    expect(receiver.seen.at(-1)).toMatchObject({
      body: 'Tag: #important',
      request: { headers: { 'content-type': 'text/plain; charset=utf-8' } },
    });
    await http({ method: 'GET' });
    expect(receiver.seen.at(-1)).toMatchObject({ body: '', request: { method: 'GET' } });
  });

  it.each([
    [200, {}, { kind: 'succeeded' }],
    [204, {}, { kind: 'succeeded' }],
    [302, { location: '/' }, { kind: 'failed', code: 'http_302' }],
    [400, {}, { kind: 'failed', code: 'http_400' }],
    [404, {}, { kind: 'failed', code: 'http_404' }],
    [408, {}, { kind: 'retryable', code: 'http_408' }],
    [425, {}, { kind: 'retryable', code: 'http_425' }],
    [429, { 'retry-after': '7' }, { kind: 'retryable', code: 'http_429', retryAfterMs: 7_000 }],
    [500, {}, { kind: 'retryable', code: 'http_500' }],
    [503, { 'retry-after': '99999999' }, { kind: 'retryable', retryAfterMs: 86_400_000 }],
  ])('%i %j', async (status, headers, outcome) => {
    receiver.answer = (_request, response) => void response.writeHead(status, headers).end('because');
    expect(await http()).toMatchObject({ ...outcome, detail: { response: { status } } });
  });

  it.each([
    ['application/json', '{"decision":"deny","reason":"full"}', { kind: 'denied', reason: 'full' }],
    [
      'application/problem+json; charset=utf-8',
      '{"output":{"a":1}}',
      { kind: 'succeeded', output: { a: 1 } },
    ],
    ['application/json', '{"decision":"perhaps"}', { kind: 'failed', code: 'bad_answer' }],
    [
      'application/json',
      '{"id":"x","message":"theirs"}',
      { kind: 'succeeded', detail: { response: { body: '{"id":"x","message":"theirs"}' } } },
    ],
    ['application/json', '{broken', { kind: 'succeeded' }],
    ['text/plain', '{"decision":"deny"}', { kind: 'succeeded' }],
  ])('a 200 with %s %s', async (type, body, outcome) => {
    receiver.answer = (_request, response) =>
      void response.writeHead(200, { 'content-type': type }).end(body);
    expect(await http()).toMatchObject(outcome);
  });

  it('show no secret in what is kept, however it comes back', async () => {
    receiver.answer = (request, response) => {
      const authorization = String(request.headers.authorization);
      response.writeHead(500, { 'x-echo': authorization, 'set-cookie': 'session=1' });
      response.end(
        `${authorization} ${JSON.stringify(authorization)} ${encodeURIComponent(authorization)} ${Buffer.from('ntfy-secret-value').toString('base64')} ${request.url ?? ''}`,
      );
    };
    const outcome = await http({
      url: `${receiver.url}/{{secrets.NTFY}}`,
      headers: { authorization: 'Bearer {{secrets.TOKEN}}' },
    });
    const text = JSON.stringify(outcome);
    for (const form of [
      'tok/en',
      'tok%2Fen',
      'ntfy-secret',
      Buffer.from('ntfy-secret-value').toString('base64'),
      'session=1',
    ])
      expect(text).not.toContain(form);
    expect(text).toContain('[secret TOKEN]');
    expect(outcome.detail).toMatchObject({ request: { url: `${receiver.url}/[secret NTFY]` } });
  });

  it('show not even the beginning of a secret where the body was cut', async () => {
    receiver.answer = (_request, response) =>
      void response.end('x'.repeat(65_536 - 10) + 'ntfy-secret-value');
    const outcome = await http({ body: '{{secrets.NTFY}}' });
    const text = JSON.stringify(outcome);
    expect(text).not.toContain('ntfy-');
    expect(text).toContain('[secret NTFY]');
  });

  it('fail for a template that cannot be rendered, and for an address that is closed', async () => {
    expect(await http({ body: '{{event.payload.absent}}' })).toMatchObject({
      kind: 'failed',
      code: 'bad_template',
    });
    expect(await http({ body: '{{secrets.ABSENT}}' })).toMatchObject({
      kind: 'failed',
      code: 'bad_template',
    });
    expect(await http({ url: 'http://10.0.0.1/' })).toMatchObject({
      kind: 'skipped',
      reason: 'egress_denied',
      because: expect.stringContaining('10.0.0.1 is a private address'),
    });
    expect(await http({ headers: { 'x-a': 'b\r\nc: d' } })).toMatchObject({
      kind: 'failed',
      code: 'bad_request',
    });
    await egress.check(receiver.url);
  });

  it('retry what never answers', async () => {
    receiver.answer = () => undefined;
    const hook = hookOf({ type: 'http', method: 'POST', url: receiver.url });
    expect(await execute({ ...hook, options: { ...hook.options, timeout_ms: 100 } })).toMatchObject({
      kind: 'retryable',
      code: 'timeout',
    });
    receiver.answer = (request) => void request.socket.destroy();
    expect(await execute(hook)).toMatchObject({ kind: 'retryable', code: 'reset' });
  });
});

describe('policy', () => {
  const policy = (hook: HookDefinition) => executor.policy(hook as unknown as JsonObject);
  const script: HookAction = { type: 'script', source: '' };

  it('follows the options', () => {
    expect(policy(hookOf(script))).toEqual({
      timeoutMs: 12_000,
      maxAttempts: 3,
      schedule: { kind: 'exponential', initialMs: 1_000, maxMs: 60_000 },
      jitter: 0.1,
      local: true,
      traced: false,
      maxInFlight: 16,
    });
    const fixed = { max_attempts: 1, backoff: 'fixed', initial_ms: 5, max_ms: 1 } as const;
    const hook = hookOf(
      { type: 'http', method: 'GET', url: 'x' },
      { condition: { script: 'x', timeout_ms: 700 } },
    );
    expect(policy({ ...hook, options: { ...hook.options, retry: fixed } })).toMatchObject({
      timeoutMs: 12_700,
      schedule: { kind: 'fixed', initialMs: 5 },
      local: false,
      traced: false,
      maxInFlight: 64,
    });
  });

  it('keeps what may wait for the network out of local activities', () => {
    expect(policy(hookOf(script, { permissions: ['http:fetch'] })).local).toBe(false);
    expect(policy(hookOf({ type: 'shell', command: ['true'] })).local).toBe(false);
  });
});

it.each(['flow', 'webhook'] as const)('actions of type %s say that they are not there yet', async (type) => {
  const action: HookAction = type === 'flow' ? { type, flow: 'f', wait: false } : { type, webhook: 'w' };
  expect(await execute(hookOf(action))).toMatchObject({ kind: 'failed', code: 'not_available' });
});
