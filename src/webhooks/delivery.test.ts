import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import type { ActionOutcome } from '../dispatch/outcome.ts';
import { openWebhooks, startReceiver, type Answer } from '../../test/support/webhooks.ts';
import { createDeliveryExecutor } from './delivery.ts';
import { verifyCrucible, verifyStandard } from './verify.ts';
import type { WebhookInput } from './webhook.ts';

const FILTERS = [{ event_type: 'custom.note.*' }];
type World = Awaited<ReturnType<typeof openWebhooks>>;

const create = (world: World, url: string, input: Partial<WebhookInput> = {}) =>
  world.service.create({ url, filters: FILTERS, ...input });

/** Makes a webhook, publishes an event and makes the first attempt. */
async function deliver(world: World, url: string, input: Partial<WebhookInput> = {}) {
  const { webhook, secret } = await create(world, url, input);
  const event = await world.publish();
  const run = await world.newestRun(webhook.id);
  const outcome = await world.attempt(run);
  return { webhook, secret, event, run, outcome };
}

const detailOf = (outcome: ActionOutcome) =>
  outcome.detail as {
    request?: { url: string; headers: Record<string, string> };
    response?: { status: number; headers: Record<string, string>; body: string; truncated: boolean };
    timings?: { duration_ms: number };
  };

describe('the request', () => {
  it('carries the event, its headers, and signatures that the official library accepts', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const { webhook, secret, event, run, outcome } = await deliver(world, receiver.url, { name: 'notes' });
    expect(outcome.kind).toBe('succeeded');
    const [got] = receiver.received;
    if (got === undefined) throw new Error('nothing arrived');
    expect(got.method).toBe('POST');
    expect(JSON.parse(got.body)).toEqual({
      type: 'custom.note.imported',
      timestamp: event.timestamp,
      data: event,
      webhook: { id: webhook.id, name: 'notes' },
    });
    expect(got.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Crucible/0.1.0',
      'x-crucible-event-id': event.id,
      'x-crucible-event-type': 'custom.note.imported',
      'x-crucible-delivery': run.id,
      'x-crucible-attempt': '1',
      'webhook-id': run.id.replace('run_', 'msg_'),
      'webhook-timestamp': String(Math.floor(world.clock.now() / 1000)),
      'x-correlation-id': event.correlation_id,
    });
    const trace = event.correlation_id.replace('cor_', '').replaceAll('-', '');
    expect(got.headers['traceparent']).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(got.headers['x-crucible-signature']).toBeUndefined();
    expect(got.headers['authorization']).toBeUndefined();
    const official = new Webhook(secret).verify(got.body, got.headers as Record<string, string>);
    expect(official).toMatchObject({ data: { id: event.id } });
    expect(verifyStandard({ headers: got.headers, body: got.body, secret }).id).toBe(
      got.headers['webhook-id'],
    );
  });

  it('keeps its id over attempts and generations, and is signed anew each time', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const { secret, run } = await deliver(world, receiver.url);
    world.advance(400_000);
    await world.attempt(run, { attempt: 2 });
    await world.attempt({ ...run, generation: 1 }, { attempt: 1 });
    const sent = receiver.received.map(({ headers }) => headers);
    expect(new Set(sent.map((headers) => headers['webhook-id'])).size).toBe(1);
    expect(sent.map((headers) => headers['x-crucible-attempt'])).toEqual(['1', '2', '1']);
    expect(new Set(sent.map((headers) => headers['traceparent'])).size).toBe(3);
    expect(new Set(sent.map((headers) => headers['traceparent']?.toString().slice(0, 35))).size).toBe(1);
    for (const { headers, body } of receiver.received)
      verifyStandard({ headers, body, secret, now: world.clock.now, toleranceSeconds: 500 });
    expect(sent[1]?.['webhook-timestamp']).not.toBe(sent[0]?.['webhook-timestamp']);
  });

  it.each<[string, NonNullable<WebhookInput['auth']>, string, string]>([
    ['bearer', { type: 'bearer', token: 'token-0123456789' }, 'authorization', 'Bearer token-0123456789'],
    [
      'basic',
      { type: 'basic', username: 'bob', password: 'pässword' },
      'authorization',
      `Basic ${Buffer.from('bob:pässword').toString('base64')}`,
    ],
    ['header', { type: 'header', name: 'X-Api-Key', value: 'key 0123456789' }, 'x-api-key', 'key 0123456789'],
  ])('authenticates by %s, and the ledger does not show it', async (_type, auth, header, value) => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const { outcome } = await deliver(world, receiver.url, { auth });
    expect(receiver.received[0]?.headers[header]).toBe(value);
    expect(detailOf(outcome).request?.headers[header]).toBe('[secret]');
    expect(JSON.stringify(outcome)).not.toContain(value.split(' ').at(-1));
  });

  it('signs the raw body with hmac', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const secret = 'an hmac secret of the user';
    await deliver(world, receiver.url, { auth: { type: 'hmac', secret, algorithm: 'sha256' } });
    const [got] = receiver.received;
    if (got === undefined) throw new Error('nothing arrived');
    verifyCrucible({ headers: got.headers, body: got.body, secret });
    expect(() => verifyCrucible({ headers: got.headers, body: `${got.body} `, secret })).toThrow(
      /does not fit/,
    );
  });

  it('sends the headers of the owner, and theirs cannot replace ours', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const headers = { 'X-Team': 'blue', 'X-Routing-Key': 'a-routing-key-0123' };
    const { outcome } = await deliver(world, receiver.url, { options: { headers } });
    expect(receiver.received[0]?.headers).toMatchObject({
      'x-team': 'blue',
      'x-routing-key': 'a-routing-key-0123',
    });
    expect(detailOf(outcome).request?.headers).toMatchObject({
      'x-team': 'blue',
      'x-routing-key': '[secret]',
    });
  });

  it('is a CloudEvent where that is asked for', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const { event, secret } = await deliver(world, receiver.url, { options: { format: 'cloudevents' } });
    const [got] = receiver.received;
    expect(got?.headers['content-type']).toMatch(/^application\/cloudevents\+json/);
    expect(JSON.parse(got?.body ?? '')).toMatchObject({ specversion: '1.0', id: event.id, type: event.type });
    expect(verifyStandard({ headers: got?.headers ?? {}, body: got?.body ?? '', secret }).id).toMatch(
      /^msg_/,
    );
  });

  it('signs what is sent, byte for byte, whatever the payload', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const { webhook, secret } = await create(world, receiver.url);
    await world.publish({
      title: 'Größe 😀 \u2028 \\u0000 "quoted"',
      n: 9_007_199_254_740_991,
      deep: { a: [1.5, null] },
    });
    await world.attempt(await world.newestRun(webhook.id));
    const [got] = receiver.received;
    expect(verifyStandard({ headers: got?.headers ?? {}, body: got?.body ?? '', secret }).id).toMatch(
      /^msg_/,
    );
    expect(JSON.parse(got?.body ?? '').data.payload.title).toBe('Größe 😀 \u2028 \\u0000 "quoted"');
  });
});

describe('the outcome', () => {
  it.each([
    [200, 'succeeded'],
    [204, 'succeeded'],
    [302, 'failed'],
    [400, 'failed'],
    [404, 'failed'],
    [408, 'retryable'],
    [425, 'retryable'],
    [429, 'retryable'],
    [500, 'retryable'],
    [503, 'retryable'],
  ])('of a %i is %s', async (status, kind) => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver((_request, response) => {
      response
        .writeHead(status, { location: 'http://127.0.0.1:1/elsewhere', 'x-reply': 'yes' })
        .end(status === 204 ? '' : 'said');
    });
    const { outcome } = await deliver(world, receiver.url);
    expect(outcome.kind).toBe(kind);
    expect('code' in outcome ? outcome.code : undefined).toBe(
      kind === 'succeeded' ? undefined : `http_${status}`,
    );
    const { response, timings } = detailOf(outcome);
    expect(response).toMatchObject({ status, body: status === 204 ? '' : 'said', truncated: false });
    expect(response?.headers['x-reply']).toBe('yes');
    expect(timings?.duration_ms).toBeGreaterThanOrEqual(0);
    expect(outcome).not.toHaveProperty('ours');
    expect(receiver.received).toHaveLength(1);
  });

  it.each([
    ['7', 7_000],
    ['99999999', 86_400_000],
    ['-1', undefined],
    ['soon', undefined],
  ])('of a 503 with Retry-After %s asks to wait %j ms', async (value, expected) => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver(
      (_request, response) => void response.writeHead(503, { 'retry-after': value }).end(),
    );
    const { outcome } = await deliver(world, receiver.url);
    expect(outcome.kind === 'retryable' ? outcome.retryAfterMs : 'not retryable').toBe(expected);
  });

  it('follows retry.on', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver((_request, response) => void response.writeHead(429).end());
    const { outcome } = await deliver(world, receiver.url, { options: { retry: { on: ['5xx'] } } });
    expect(outcome).toMatchObject({ kind: 'failed', code: 'http_429' });
  });

  it('of a receiver that is too slow is a time-out, charged to it', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver(() => undefined);
    const { outcome } = await deliver(world, receiver.url, { options: { timeout_ms: 150 } });
    expect(outcome).toMatchObject({ kind: 'retryable', code: 'timeout' });
    expect(outcome).not.toHaveProperty('ours');
    expect(detailOf(outcome).request?.url).toBe(receiver.url);
  });

  it('of nobody listening, and of a connection that breaks, is tried again', async () => {
    await using world = await openWebhooks();
    const tcp = createTcpServer((socket) => socket.on('data', () => socket.resetAndDestroy()));
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}/`;
    expect((await deliver(world, url)).outcome).toMatchObject({ kind: 'retryable', code: 'reset' });
    await new Promise((resolve) => tcp.close(resolve));
    expect((await deliver(world, url)).outcome).toMatchObject({ kind: 'retryable', code: 'connect_failed' });
  });

  it('of a name that has become private is skipped, with the reason, and the webhook is failing', async () => {
    let answer = ['93.184.216.34'];
    await using world = await openWebhooks({ resolve: async () => answer });
    const { webhook } = await create(world, 'http://rebinding.test:8080/hook');
    answer = ['10.0.0.7'];
    await world.publish();
    const outcome = await world.attempt(await world.newestRun(webhook.id));
    const because = expect.stringContaining('10.0.0.7');
    expect(outcome).toMatchObject({ kind: 'skipped', reason: 'egress_denied', because });
  });

  it('keeps at most 64 KiB of an answer, decompressed size included', async () => {
    await using world = await openWebhooks();
    const bomb: Answer = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(20_000_000, 'a')));
    };
    await using receiver = await startReceiver(bomb);
    const { outcome } = await deliver(world, receiver.url);
    expect(outcome.kind).toBe('succeeded');
    const { response } = detailOf(outcome);
    expect(response?.truncated).toBe(true);
    expect(response?.body.length).toBeLessThanOrEqual(65_536);
  });

  it('never holds a secret that the receiver echoes', async () => {
    await using world = await openWebhooks();
    const echo: Answer = (request, response) => {
      const { authorization = '' } = request.headers;
      response.writeHead(500, { 'x-echo': authorization, 'set-cookie': 'session=1' });
      response.end(JSON.stringify({ headers: request.headers, form: encodeURIComponent(authorization) }));
    };
    await using receiver = await startReceiver(echo);
    const { outcome } = await deliver(world, receiver.url, {
      auth: { type: 'bearer', token: 'to"ken/0123=456789' },
      options: { headers: { 'X-Access-Token': 'second-token-0123' } },
    });
    const text = JSON.stringify(outcome);
    for (const secret of ['0123=456789', '0123%3D456789', 'second-token']) expect(text).not.toContain(secret);
    expect(detailOf(outcome).response?.headers['x-echo']).toBe('Bearer [secret]');
    expect(detailOf(outcome).response?.headers['set-cookie']).toBeUndefined();
  });

  it('holds no secret as base64, and no piece of one where the answer was cut', async () => {
    await using world = await openWebhooks();
    const echo: Answer = (request, response) => {
      const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      const start = ` ${Buffer.from(token).toString('base64')} `;
      response.end(`${start}${'.'.repeat(65_536 - start.length - 20)}${token}`);
    };
    await using receiver = await startReceiver(echo);
    const token = 'tok_0123456789abcdefghijklmnopqrstuvwxyz';
    const { outcome } = await deliver(world, receiver.url, { auth: { type: 'bearer', token } });
    const { response } = detailOf(outcome);
    expect(response?.truncated).toBe(true);
    expect(response?.body).toMatch(/^ \[secret\] \.+\[secret\]$/);
  });
});

describe('an endpoint that is gone', () => {
  it('is disabled by a 410: no event reaches it any more, and the reason is told', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver((_request, response) => void response.writeHead(410).end());
    const { webhook, run, outcome, event } = await deliver(world, receiver.url);
    expect(outcome).toMatchObject({ kind: 'failed', code: 'http_410' });
    const after = await world.service.get(webhook.id);
    expect(after).toMatchObject({ enabled: false, status: 'disabled' });
    expect(after.disabled_reason).toContain('410');
    const told = await world.log.query({ types: ['webhook.disabled'] });
    expect(told.data).toMatchObject([
      { subject: webhook.id, causation_id: event.id, correlation_id: event.correlation_id, depth: 1 },
    ]);
    expect(told.data[0]?.payload['reason']).toContain('410');
    await world.publish();
    expect(await world.newestRun(webhook.id)).toMatchObject({ state: 'skipped', reason: 'disabled' });
    expect(await world.attempt(run, { attempt: 2 })).toMatchObject({ kind: 'skipped', reason: 'disabled' });
    expect(receiver.received).toHaveLength(1);
  });

  it('is disabled once, however many deliveries hear it at the same time', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver((_request, response) => void response.writeHead(410).end());
    const { webhook } = await create(world, receiver.url);
    for (let count = 0; count < 5; count += 1) await world.publish();
    const outcomes = await Promise.all((await world.runsOf(webhook.id)).map((run) => world.attempt(run)));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['failed']));
    expect((await world.log.query({ types: ['webhook.disabled'] })).data).toHaveLength(1);
  });

  it('that was removed meanwhile is skipped, and nothing is sent', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const { webhook } = await create(world, receiver.url);
    await world.publish();
    const run = await world.newestRun(webhook.id);
    await world.service.remove(webhook.id);
    expect(await world.attempt(run)).toMatchObject({
      kind: 'skipped',
      reason: 'disabled',
      because: 'the webhook has been removed',
    });
    expect(receiver.received).toEqual([]);
  });
});

describe('faults of ours', () => {
  it('are told from those of the endpoint: a call-off', async () => {
    await using world = await openWebhooks();
    const stop = new AbortController();
    await using receiver = await startReceiver(() => stop.abort());
    const { webhook } = await create(world, receiver.url);
    await world.publish();
    const outcome = await world.attempt(await world.newestRun(webhook.id), { signal: stop.signal });
    expect(outcome).toMatchObject({ kind: 'retryable', code: 'aborted', ours: true });
  });

  it('a resolver that is down', async () => {
    const down = () => Promise.reject(Object.assign(new Error('queryA ETIMEOUT'), { code: 'ETIMEOUT' }));
    await using world = await openWebhooks({ resolve: down });
    const { outcome } = await deliver(world, 'http://name.test:8080/');
    expect(outcome).toMatchObject({ kind: 'retryable', code: 'dns_failed', ours: true });
  });

  it('an encryption key that has changed', async () => {
    await using world = await openWebhooks();
    await using other = await openWebhooks();
    await using receiver = await startReceiver();
    const { webhook } = await create(world, receiver.url);
    await world.publish();
    const executor = createDeliveryExecutor({ ...world.deliveryDeps, box: other.box });
    const outcome = await world.attempt(await world.newestRun(webhook.id), { executor });
    expect(outcome).toMatchObject({ kind: 'retryable', code: 'config_invalid', ours: true });
    expect(receiver.received).toEqual([]);
  });

  it('a log that cannot record that a receiver is gone', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver((_request, response) => void response.writeHead(410).end());
    const { webhook } = await create(world, receiver.url);
    await world.publish();
    const run = await world.newestRun(webhook.id);
    const broken = { ...world.log, append: () => Promise.reject(new Error('the disk is full')) };
    const executor = createDeliveryExecutor({ ...world.deliveryDeps, log: broken });
    expect(await world.attempt(run, { executor })).toMatchObject({
      kind: 'retryable',
      code: 'disable_failed',
      ours: true,
    });
    expect(await world.attempt(run)).toMatchObject({ kind: 'failed', code: 'http_410' });
    expect((await world.service.get(webhook.id)).enabled).toBe(false);
  });
});

describe('bulkheads', () => {
  it('hold at most max_in_flight requests to one endpoint, and the next goes when one is through', async () => {
    await using world = await openWebhooks();
    const open: (() => void)[] = [];
    const arrivals: (() => void)[] = [];
    const arrived = (count: number): Promise<void> =>
      open.length >= count
        ? Promise.resolve()
        : new Promise<void>((resolve) => arrivals.push(resolve)).then(() => arrived(count));
    const hold: Answer = (_request, response) => {
      open.push(() => response.writeHead(204).end());
      for (const wake of arrivals.splice(0)) wake();
    };
    await using receiver = await startReceiver(hold);
    const { webhook } = await create(world, receiver.url, { options: { max_in_flight: 2 } });
    for (let count = 0; count < 4; count += 1) await world.publish();
    const runs = await world.runsOf(webhook.id);
    const attempts = runs.map((run) => world.attempt(run));
    await arrived(2);
    // Another endpoint at the same time: it goes through although this one is full.
    await using quick = await startReceiver();
    expect((await deliver(world, quick.url)).outcome.kind).toBe('succeeded');
    expect(open).toHaveLength(2);
    open[0]?.();
    await arrived(3);
    expect(open).toHaveLength(3);
    open[1]?.();
    await arrived(4);
    for (const answer of open.slice(2)) answer();
    expect((await Promise.all(attempts)).map(({ kind }) => kind)).toEqual(Array(4).fill('succeeded'));
  });

  it('let go of an attempt that is called off while it waits', async () => {
    await using world = await openWebhooks();
    let answer = (): void => undefined;
    const reached = Promise.withResolvers<void>();
    await using receiver = await startReceiver((_request, response) => {
      answer = () => void response.writeHead(204).end();
      reached.resolve();
    });
    const { webhook } = await create(world, receiver.url, { options: { max_in_flight: 1 } });
    for (let count = 0; count < 2; count += 1) await world.publish();
    const [second, first] = await world.runsOf(webhook.id);
    if (first === undefined || second === undefined) throw new Error('two runs were expected');
    const going = world.attempt(first);
    await reached.promise;
    const stop = new AbortController();
    const waiting = world.attempt(second, { signal: stop.signal });
    stop.abort();
    expect(await waiting).toMatchObject({ kind: 'retryable', code: 'aborted', ours: true });
    answer();
    expect((await going).kind).toBe('succeeded');
    expect(receiver.received).toHaveLength(1);
  });
});

describe('the policy', () => {
  it('comes from the definition, and is local only for endpoints that are known to be fast', async () => {
    await using world = await openWebhooks();
    await using receiver = await startReceiver();
    const { webhook } = await create(world, receiver.url, {
      options: { retry: { backoff: 'fixed', initial_ms: 50, max_attempts: 3 } },
    });
    await world.publish();
    const run = await world.newestRun(webhook.id);
    const stored = await world.log.records.get('definition', run.definition);
    const definition = stored?.['definition'] as Record<string, never>;
    expect(world.executor.policy(definition)).toMatchObject({
      maxAttempts: 3,
      schedule: { kind: 'fixed', initialMs: 50 },
      local: false,
    });
    for (let attempt = 1; attempt <= 20; attempt += 1) await world.attempt(run, { attempt });
    expect(world.executor.policy(definition).local).toBe(true);
  });
});
