import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyCrucible, verifyStandard } from '../../src/webhooks/verify.ts';
import { readAll } from '../crash/audit.ts';
import { endedRun } from '../support/ended-run.ts';
import { filesBelow, historiesOf, leaksIn } from '../support/leaks.ts';
import { startProgram, type Program } from '../support/program.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, TEST_KEY, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';
import { startReceiver, type Received } from '../support/webhooks.ts';

/** Webhooks as the one who creates them and the one who receives them see them. */

let dir: string;
let temporal: TestTemporal;
let server: TestServer;
let rest: Rest;
let stderr = '';
/** Every secret that was given or made; they must stand nowhere. */
const secrets: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-webhook-e2e-'));
  temporal = await temporalServer();
  server = await startServer({ dataDir: dir, temporal, env: { CRUCIBLE_LOG_LEVEL: 'debug' } });
  server.child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  rest = restOf(server.url);
});
afterAll(async () => {
  await server?.stop();
  await temporal?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const WAIT = { timeout: 30_000, interval: 50 };
const SOON = { backoff: 'fixed', initial_ms: 20, max_attempts: 3 };

const create = async (url: string, type: string, more: object = {}) => {
  const { status, body } = await rest('POST', '/webhooks', { url, filters: [{ event_type: type }], ...more });
  expect([status, body]).toMatchObject([201, { status: 'active' }]);
  expect(body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{32,}=*$/);
  secrets.push(body.secret.slice('whsec_'.length));
  return body;
};
const publish = async (type: string, payload: object = {}, headers: Record<string, string> = {}) => {
  const { status, body } = await rest('POST', '/events', { type, payload }, headers);
  expect([status, body]).toMatchObject([201, {}]);
  return body.data[0];
};
/** The delivery of the event, once it has ended, with its attempts. */
const ended = (webhookId: string, eventId: string) =>
  endedRun(rest, `/webhooks/${webhookId}/deliveries`, eventId, WAIT);
const textHeaders = (request: Received | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(request?.headers ?? {}).map(([name, value]) => [name, String(value)]));

describe('a webhook', () => {
  it('delivers the very next event, signed so that the official library and our own accept it', async () => {
    await using sink = await startReceiver();
    const hmac = 'an-hmac-secret-of-ours-77';
    secrets.push(hmac, 'header-value-of-ours-78');
    const made = await create(sink.url, 'custom.note.*', {
      name: 'Archive',
      auth: { type: 'hmac', secret: hmac },
      options: { headers: { 'X-Api-Key': 'header-value-of-ours-78', 'X-Plain': 'yes' } },
    });
    expect(made).toMatchObject({ auth: { type: 'hmac' }, secret_hint: expect.any(String), enabled: true });
    const payload = { title: 'Grüße 🦊', tags: ['#a'], deep: { n: 1.5, none: null } };
    const event = await publish('custom.note.imported', payload, { 'x-correlation-id': 'story-7' });
    const run = await ended(made.id, event.id);
    expect(run).toMatchObject({ state: 'succeeded', attempt_count: 1, generation: 0, kind: 'webhook' });

    expect(sink.received).toHaveLength(1);
    const [request] = sink.received;
    const headers = textHeaders(request);
    expect(request?.method).toBe('POST');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-crucible-event-id': event.id,
      'x-crucible-event-type': 'custom.note.imported',
      'x-crucible-delivery': run.id,
      'x-crucible-attempt': '1',
      'x-correlation-id': 'story-7',
      'x-api-key': 'header-value-of-ours-78',
      'x-plain': 'yes',
    });
    expect(headers['user-agent']).toMatch(/^Crucible\/\d+\.\d+\.\d+$/);
    expect(headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(headers['webhook-id']).toMatch(/^[\w.-]+$/);

    const body = request?.body ?? '';
    const stored = (await rest('GET', `/events/${event.id}`)).body;
    expect(new Webhook(made.secret).verify(body, headers)).toEqual({
      type: 'custom.note.imported',
      timestamp: stored.timestamp,
      data: stored,
      webhook: { id: made.id, name: 'Archive' },
    });
    expect(stored.payload).toEqual(payload);
    const given = { headers, body, secret: made.secret };
    expect(verifyStandard(given).id).toBe(headers['webhook-id']);
    verifyCrucible({ headers, body, secret: hmac });
    const changed = body.replace('Grüße', 'Grusse');
    expect(() => new Webhook(made.secret).verify(changed, headers)).toThrow('signature');
    expect(() => verifyStandard({ ...given, body: changed })).toThrow('No signature fits');
    expect(() => verifyStandard({ ...given, now: () => Date.now() + 400_000 })).toThrow('older');
    expect(() => verifyCrucible({ headers, body: changed, secret: hmac })).toThrow('does not fit');
  });

  it.each([
    ['bearer', { type: 'bearer', token: 'tok-of-ours-81' }, 'authorization', 'Bearer tok-of-ours-81'],
    [
      'basic',
      { type: 'basic', username: 'ann', password: 'pass-of-ours-82' },
      'authorization',
      `Basic ${Buffer.from('ann:pass-of-ours-82').toString('base64')}`,
    ],
    ['header', { type: 'header', name: 'X-Token', value: 'value-of-ours-83' }, 'x-token', 'value-of-ours-83'],
  ])('proves itself by %s', async (name, auth, header, value) => {
    await using sink = await startReceiver();
    secrets.push('tok-of-ours-81', 'pass-of-ours-82', 'ann:pass-of-ours-82', 'value-of-ours-83');
    const made = await create(sink.url, `custom.auth.${name}`, { auth });
    await ended(made.id, (await publish(`custom.auth.${name}`)).id);
    expect(sink.received[0]?.headers[header]).toBe(value);
  });

  it('tries again after 503 under the same webhook-id, and the ledger has both attempts', async () => {
    await using sink = await startReceiver(
      (_request, response) =>
        void response
          .writeHead(sink.received.length === 1 ? 503 : 200, { 'x-of-receiver': 'yes' })
          .end(sink.received.length === 1 ? 'not now' : 'thanks'),
    );
    const made = await create(sink.url, 'custom.again', { options: { retry: SOON } });
    const event = await publish('custom.again');
    const run = await ended(made.id, event.id);
    expect(run).toMatchObject({ state: 'succeeded', attempt_count: 2 });
    expect(run.attempts).toMatchObject([
      {
        number: 1,
        outcome: 'failed',
        error: { code: 'http_503' },
        detail: { response: { status: 503, body: 'not now', headers: { 'x-of-receiver': 'yes' } } },
      },
      { number: 2, outcome: 'succeeded', error: null, detail: { response: { status: 200, body: 'thanks' } } },
    ]);
    const sent = sink.received.map(textHeaders);
    expect(sent.map((headers) => headers['x-crucible-attempt'])).toEqual(['1', '2']);
    for (const name of ['webhook-id', 'x-crucible-delivery', 'x-crucible-event-id'])
      expect(sent[1]?.[name]).toBe(sent[0]?.[name]);
    for (const [index, headers] of sent.entries())
      verifyStandard({ headers, body: sink.received[index]?.body ?? '', secret: made.secret });

    const list = async (query: string): Promise<string[]> =>
      (await rest('GET', `/webhooks/${made.id}/deliveries?${query}`)).body.data.map(
        ({ id }: { id: string }) => id,
      );
    expect(await list('state=succeeded')).toEqual([run.id]);
    expect(await list('state=dead')).toEqual([]);
    const { body: told } = await rest(
      'GET',
      `/events?type=webhook.delivered&correlation_id=${event.correlation_id}`,
    );
    expect(told.data).toMatchObject([
      { causation_id: event.id, depth: 1, payload: { run_id: run.id, attempt: 2, status: 200 } },
    ]);

    const { status } = await rest('POST', `/webhooks/${made.id}/deliveries/${run.id}/retry`);
    expect(status).toBe(202);
    await expect.poll(() => sink.received.length, WAIT).toBe(3);
    expect(sink.received[2]?.headers['webhook-id']).toBe(sent[0]?.['webhook-id']);
  });

  it('waits as long as Retry-After says', async () => {
    await using sink = await startReceiver(
      (_request, response) =>
        void (sink.received.length === 1 ? response.writeHead(429, { 'retry-after': '2' }) : response).end(),
    );
    const made = await create(sink.url, 'custom.later', { options: { retry: SOON } });
    const run = await ended(made.id, (await publish('custom.later')).id);
    expect(run).toMatchObject({ state: 'succeeded', attempt_count: 2 });
    const [first, second] = run.attempts.map(({ started_at }: { started_at: string }) =>
      Date.parse(started_at),
    );
    expect(second - first).toBeGreaterThanOrEqual(2_000);
  });

  it('ends for good at other 4xx and at redirects, which it does not follow', async () => {
    await using elsewhere = await startReceiver();
    await using sink = await startReceiver((request, response) => {
      if (request.path.includes('moved')) response.writeHead(302, { location: elsewhere.url }).end();
      else response.writeHead(404).end('x'.repeat(100_000));
    });
    const missing = await create(`${sink.url}/missing`, 'custom.final', { options: { retry: SOON } });
    const moved = await create(`${sink.url}/moved`, 'custom.final', { options: { retry: SOON } });
    const event = await publish('custom.final');
    const run = await ended(missing.id, event.id);
    expect(run).toMatchObject({
      state: 'failed',
      attempt_count: 1,
      attempts: [{ error: { code: 'http_404' } }],
    });
    expect(run.attempts[0].detail.response.body.length).toBeLessThanOrEqual(65_536);
    expect(await ended(moved.id, event.id)).toMatchObject({ state: 'failed', attempt_count: 1 });
    expect(elsewhere.received).toEqual([]);
    const { body } = await rest(
      'GET',
      `/events?type=webhook.delivery_failed&correlation_id=${event.correlation_id}`,
    );
    expect(body.data).toHaveLength(2);
  });

  it('is disabled by 410, and what matches then is recorded as skipped', async () => {
    await using sink = await startReceiver((_request, response) => void response.writeHead(410).end());
    const made = await create(sink.url, 'custom.gone', { options: { retry: SOON } });
    expect(await ended(made.id, (await publish('custom.gone')).id)).toMatchObject({
      state: 'failed',
      attempt_count: 1,
    });
    await expect
      .poll(async () => (await rest('GET', `/webhooks/${made.id}`)).body, WAIT)
      .toMatchObject({ enabled: false, status: 'disabled', disabled_reason: expect.stringContaining('410') });
    const { body } = await rest('GET', `/events?type=webhook.disabled&subject=${made.id}`);
    expect(body.data).toHaveLength(1);
    expect(await ended(made.id, (await publish('custom.gone')).id)).toMatchObject({
      state: 'skipped',
      reason: 'disabled',
      attempt_count: 0,
    });
    expect(sink.received).toHaveLength(1);
  });

  it('goes where its change says, from the very next event on, and is enabled again by it', async () => {
    await using first = await startReceiver((_request, response) => void response.writeHead(410).end());
    await using second = await startReceiver();
    secrets.push('token-before-91', 'token-after-92');
    const made = await create(first.url, 'custom.before', {
      auth: { type: 'bearer', token: 'token-before-91' },
      options: { retry: SOON },
    });
    await ended(made.id, (await publish('custom.before')).id);
    await expect.poll(async () => (await rest('GET', `/webhooks/${made.id}`)).body.enabled, WAIT).toBe(false);

    const wanted = { url: second.url, filters: [{ event_type: 'custom.after' }] };
    const refused = await rest('PUT', `/webhooks/${made.id}`, wanted);
    expect(refused).toMatchObject({ status: 422, body: { code: 'invalid', errors: [{ path: 'auth' }] } });
    const auth = { type: 'bearer', token: 'token-after-92' };
    const changed = await rest('PUT', `/webhooks/${made.id}`, { ...wanted, auth });
    expect(changed).toMatchObject({
      status: 200,
      body: { id: made.id, url: second.url, enabled: true, disabled_reason: null },
    });
    expect(changed.body.secret).toBeUndefined();

    const event = await publish('custom.after');
    expect(await ended(made.id, event.id)).toMatchObject({ state: 'succeeded', attempt_count: 1 });
    expect(first.received).toHaveLength(1);
    expect(second.received).toHaveLength(1);
    const headers = textHeaders(second.received[0]);
    expect(headers['authorization']).toBe('Bearer token-after-92');
    // The signing secret is the one of before.
    verifyStandard({ headers, body: second.received[0]?.body ?? '', secret: made.secret });
    const { body } = await rest('GET', `/events?type=webhook.updated&subject=${made.id}`);
    expect(body.data).toMatchObject([{ payload: { webhook_id: made.id, url: second.url } }]);
    expect(body.data[0].payload.changed).toContain('url');
  });

  it('that gets everything does not get what is told of its own deliveries', async () => {
    await using sink = await startReceiver();
    const made = await create(sink.url, '*');
    const event = await publish('custom.everything');
    await ended(made.id, event.id);
    await ended(made.id, (await publish('custom.everything')).id);
    const types = sink.received.map(({ headers }) => headers['x-crucible-event-type']);
    expect(types.filter((type) => type !== 'custom.everything')).toEqual([]);
    await rest('DELETE', `/webhooks/${made.id}`);
  });

  it('ends a ring of two systems that trigger each other at depth 8', async () => {
    // A bot that answers each event with another one, and says what led to it.
    await using bot = await startReceiver((request, response) => {
      const cause = { 'x-crucible-causation-id': String(request.headers['x-crucible-event-id']) };
      const answer = rest('POST', '/events', { type: 'custom.ring', payload: {} }, cause);
      answer.then(
        ({ status }) => response.writeHead(status === 201 ? 204 : 500).end(),
        () => response.destroy(),
      );
    });
    const made = await create(bot.url, 'custom.ring');
    const first = await publish('custom.ring');
    const deliveries = async () =>
      (await rest('GET', `/webhooks/${made.id}/deliveries`)).body.data
        .toReversed()
        .map((run: { depth: number; state: string; reason: string | null; correlation_id: string }) => [
          run.depth,
          run.state,
          run.reason,
          run.correlation_id,
        ]);
    const story = first.correlation_id;
    await expect
      .poll(deliveries, WAIT)
      .toEqual([
        ...Array.from({ length: 9 }, (_, depth) => [depth, 'succeeded', null, story]),
        [9, 'skipped', 'loop', story],
      ]);
    expect(bot.received).toHaveLength(9);
    await rest('DELETE', `/webhooks/${made.id}`);
  });

  it('ends with its deletion', async () => {
    await using sink = await startReceiver();
    const made = await create(sink.url, 'custom.deleted');
    await ended(made.id, (await publish('custom.deleted')).id);
    expect((await rest('DELETE', `/webhooks/${made.id}`)).status).toBe(204);
    expect((await rest('GET', `/webhooks/${made.id}`)).status).toBe(404);
    expect((await rest('DELETE', `/webhooks/${made.id}`)).status).toBe(404);
    const marker = await create(sink.url, 'custom.deleted');
    await ended(marker.id, (await publish('custom.deleted')).id);
    const ids = sink.received.map(({ body }) => JSON.parse(body).webhook.id);
    expect(ids).toEqual([made.id, marker.id]);
    const { body } = await rest('GET', `/events?type=webhook.deleted&subject=${made.id}`);
    expect(body.data).toHaveLength(1);
  });

  it('shows its secrets to nobody afterwards, and keeps them nowhere in clear', async () => {
    const { body: list } = await rest('GET', '/webhooks?limit=1000');
    expect(list.data.length).toBeGreaterThan(5);
    const places: Record<string, string> = {
      stderr,
      'GET /webhooks': JSON.stringify(list),
      events: JSON.stringify(await readAll(rest)),
      'the histories': await historiesOf(temporal),
      ...(await filesBelow(dir)),
      ...(await filesBelow(temporal.dir)),
    };
    for (const { id } of list.data) {
      places[`GET /webhooks/${id}`] = JSON.stringify((await rest('GET', `/webhooks/${id}`)).body);
      const { body: deliveries } = await rest('GET', `/webhooks/${id}/deliveries`);
      for (const run of deliveries.data)
        places[`GET /runs/${run.id}`] = JSON.stringify((await rest('GET', `/runs/${run.id}`)).body);
    }
    expect(places['the histories']).toContain(list.data[0].id);
    expect(secrets.length).toBeGreaterThan(10);
    expect(leaksIn(places, secrets)).toEqual([]);
  });

  it('is refused with everything that is wrong with it at once', async () => {
    const answer = await rest('POST', '/webhooks', {
      url: 'http://127.0.0.1:3000/',
      filters: [{ event_type: 'custom.a', filter: { 'a.b': { eqals: 1 } } }, { event_type: 'memory.creatd' }],
      auth: { type: 'hmac', secret: 'short' },
      secret: 'whsec_c2hvcnQ=',
      options: {
        timeout_ms: 1,
        headers: { 'X-A': 'a\r\nb: c', Host: 'x' },
        retry: { preset: 'quick', backoff: 'fixed' },
      },
      worlds: ['../x'],
    });
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid']);
    const paths = answer.body.errors.map(({ path }: { path: string }) => path);
    for (const path of [
      'auth.secret',
      'secret',
      'options.timeout_ms',
      'options.headers.X-A',
      'options.headers.Host',
      'options.retry.backoff',
      'worlds.0',
    ])
      expect(paths).toContain(path);
    expect(paths.some((path: string) => path.startsWith('filters.0'))).toBe(true);
    expect(paths.some((path: string) => path.startsWith('filters.1'))).toBe(true);
    expect(JSON.stringify(answer.body)).not.toContain('"short"');
  });
});

/** The same data, by a server that may not reach loopback. Runs last: it takes the place of the other one. */
describe('without the loopback allowance of dev', () => {
  let strict: Program;
  let ask: Rest;
  let kept: { id: string };
  let sink: Awaited<ReturnType<typeof startReceiver>>;

  beforeAll(async () => {
    sink = await startReceiver();
    kept = await create(sink.url, 'custom.inward');
    await server.stop();
    strict = startProgram('serve', {
      cwd: dir,
      env: {
        CRUCIBLE_DATA_DIR: dir,
        CRUCIBLE_API_KEY: TEST_KEY,
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        CRUCIBLE_LOG_LEVEL: 'warn',
      },
    });
    ask = restOf(await strict.ready());
    rest = ask;
  });
  afterAll(async () => {
    await strict?.end('SIGTERM');
    await sink?.[Symbol.asyncDispose]();
  });

  it.each([
    'http://127.0.0.1/',
    'http://127.0.0.1:8080/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://017700000001/',
    'http://127.1/',
    'http://127.0.0.1./',
    'http://%31%32%37.0.0.1/',
    'http://127。0。0。1/',
    'http://①②⑦.⓪.⓪.①/',
    'http://0/',
    'http://0.0.0.0/',
    'http://localhost/',
    'http://LOCALHOST./',
    'http://a.localhost/',
    'http://10.1.2.3/',
    'http://100.64.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://2852039166/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'http://192.0.0.1/',
    'http://192.0.2.1/',
    'http://192.88.99.1/',
    'http://192.168.1.1/',
    'http://198.18.0.1/',
    'http://198.51.100.1/',
    'http://203.0.113.1/',
    'http://224.0.0.1/',
    'http://240.0.0.1/',
    'http://255.255.255.255/',
    'http://168.63.129.16/',
    'http://[::]/',
    'http://[::1]/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[::127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[64:ff9b:1::1]/',
    'http://[fc00::1]/',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
    'http://[fec0::1]/',
    'http://[ff02::1]/',
    'http://[2001::1]/',
    'http://[2001:db8::1]/',
    'http://[2002:7f00:1::]/',
    'http://[3fff::1]/',
    'http://[5f00::1]/',
    'http://[2606:4700::200:5efe:a00:1]/',
    'https://user:pass@1.1.1.1/',
    'http://1.1.1.1@127.0.0.1/',
    'http://1.1.1.1:6379/',
    'http://1.1.1.1:5432/',
    'http://1.1.1.1:22/',
    'http://1.1.1.1:2375/',
    'ftp://1.1.1.1/',
    'file:///etc/passwd',
    'unix:/var/run/docker.sock',
    'gopher://1.1.1.1/',
    'javascript:alert(1)',
  ])('refuses %s', async (url) => {
    const { status, headers, body } = await ask('POST', '/webhooks', {
      url,
      filters: [{ event_type: 'custom.a' }],
    });
    expect([status, body.code]).toEqual([422, 'egress_denied']);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body.detail.length).toBeGreaterThan(10);
    expect(JSON.stringify(body)).not.toContain('pass@');
  });

  it('refuses at delivery what was registered when it was allowed', async () => {
    const run = await ended(kept.id, (await publish('custom.inward')).id);
    expect(run).toMatchObject({ state: 'skipped', reason: 'egress_denied' });
    expect(sink.received).toEqual([]);
    const hook = {
      name: 'inward',
      trigger: { events: [{ type: 'custom.inward' }] },
      action: { type: 'http', url: sink.url },
    };
    const refused = await ask('POST', '/hooks', hook);
    expect([refused.status, refused.body.code]).toEqual([422, 'egress_denied']);
    // What an event makes the address of is judged when it is known.
    const templated = { ...hook, action: { type: 'http', url: '{{event.payload.url}}' } };
    expect((await ask('POST', '/hooks', templated)).status).toBe(201);
    const { id } = await publish('custom.inward', { url: sink.url });
    await expect
      .poll(async () => (await ask('GET', '/hooks/inward/runs')).body.data[0], WAIT)
      .toMatchObject({ event_id: id, state: 'skipped', reason: 'egress_denied' });
    expect(sink.received).toEqual([]);
  });
});
