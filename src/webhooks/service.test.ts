import { describe, expect, it } from 'vitest';
import { isCrucibleError, type CrucibleError } from '../kernel/errors.ts';
import { DEFINITION_TABLE, RUN_TABLE, type Run } from '../dispatch/run.ts';
import { callerIn, openWebhooks } from '../../test/support/webhooks.ts';
import { loadTargets } from './targets.ts';
import type { WebhookInput } from './webhook.ts';

const URL_OK = 'http://127.0.0.1:9/hook';
const FILTERS = [{ event_type: 'custom.note.*' }];
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

const errorOf = async (work: () => Promise<unknown>): Promise<CrucibleError> => {
  try {
    await work();
  } catch (error) {
    if (isCrucibleError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('creating a webhook', () => {
  it('answers the secret once, and fills in what was left open', async () => {
    await using world = await openWebhooks();
    const { webhook, secret } = await world.as('lab', () =>
      world.service.create({ url: URL_OK, filters: FILTERS }),
    );
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(webhook).toMatchObject({
      name: '127.0.0.1:9',
      enabled: true,
      paused: false,
      worlds: ['lab'],
      auth: null,
      secret_hint: `…${secret.slice(-4)}`,
      status: 'active',
      options: { timeout_ms: 15_000, format: 'crucible', max_in_flight: 8, retry: {}, headers: {} },
    });
    expect(webhook.id).toMatch(/^whk_/);
    const again = await world.as('lab', () => world.service.get(webhook.id));
    expect(again).toEqual(webhook);
    expect(JSON.stringify(again)).not.toContain(secret.slice(6, 30));
  });

  it('makes the very next event match, in the commit of that event', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create({ url: URL_OK, filters: FILTERS });
    const event = await world.publish();
    expect(await world.runsOf(webhook.id)).toMatchObject([
      { target: `webhook:${webhook.id}`, event_id: event.id, state: 'pending', kind: 'webhook' },
    ]);
  });

  it('stores row, definition and event in one commit, and no secret anywhere', async () => {
    await using world = await openWebhooks();
    const auths = [
      { type: 'bearer', token: 'bearer-token-of-the-test' },
      { type: 'hmac', secret: 'hmac-secret-of-the-test', algorithm: 'sha256' },
      { type: 'basic', username: 'bob', password: 'basic-password-of-the-test' },
      { type: 'header', name: 'X-Api-Key', value: 'header-value-of-the-test' },
    ] as const;
    for (const auth of auths) {
      const { webhook } = await world.service.create({
        url: URL_OK,
        filters: FILTERS,
        auth,
        secret: SECRET,
        options: { headers: { 'X-Team': 'blue', 'X-Auth-Token': 'custom-header-token-of-the-test' } },
      });
      expect(webhook.auth?.type).toBe(auth.type);
      expect(webhook.auth?.hint).toContain('test');
      expect(webhook.options.headers).toEqual({ 'X-Team': 'blue', 'X-Auth-Token': '…test' });
    }
    await world.publish();
    const stored = world.stored();
    for (const secret of [
      'bearer-token',
      'hmac-secret',
      'basic-password',
      'header-value',
      'custom-header-token',
    ]) {
      expect(stored).not.toContain(secret);
    }
    expect(stored).not.toContain(SECRET.slice(6));
    expect(stored).not.toContain(Buffer.from('bob:basic-password-of-the-test').toString('base64'));
    const created = await world.log.query({ types: ['webhook.created'] });
    expect(created.data).toHaveLength(4);
    expect(created.data[0]?.subject).toMatch(/^whk_/);
    const [target] = world.reactor.targets().all();
    const definition = await world.log.records.get(DEFINITION_TABLE.name, target?.definition ?? '');
    expect(definition).toEqual({
      id: target?.definition,
      kind: 'webhook',
      definition: {
        id: expect.stringMatching(/^whk_/),
        name: '127.0.0.1:9',
        url: URL_OK,
        filters: FILTERS,
        worlds: ['default'],
        auth: 'bearer',
        options: {
          retry: {},
          timeout_ms: 15_000,
          headers: { 'X-Team': 'blue', 'X-Auth-Token': '…test' },
          format: 'crucible',
          max_in_flight: 8,
        },
      },
    });
  });

  it('keeps filters in their canonical spelling', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create({
      url: URL_OK,
      filters: [{ event_type: 'Memory.Created' }],
    });
    expect(webhook.filters).toEqual([{ event_type: 'memory.created' }]);
  });

  it('answers a repeat under the same idempotency key with the same webhook, and no secret', async () => {
    await using world = await openWebhooks();
    const idempotency = { scope: 'a', key: 'k', hash: 'h' };
    const first = await world.service.create({ url: URL_OK, filters: FILTERS }, { idempotency });
    const second = await world.service.create({ url: URL_OK, filters: FILTERS }, { idempotency });
    expect(second).toEqual({ webhook: first.webhook, secret: '', repeated: true });
    expect(await world.service.list({ limit: 10 })).toHaveLength(1);
    expect(world.reactor.targets().size).toBe(1);
  });

  it('records the events of a disabled webhook as skipped', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create({ url: URL_OK, filters: FILTERS, enabled: false });
    expect(webhook.status).toBe('disabled');
    await world.publish();
    expect(await world.runsOf(webhook.id)).toMatchObject([{ state: 'skipped', reason: 'disabled' }]);
  });
});

describe('what is refused', () => {
  it('is told all at once, with paths, and without a secret', async () => {
    await using world = await openWebhooks();
    const error = await errorOf(() =>
      world.service.create({
        url: 'http://10.0.0.1/',
        name: 'a\r\nb',
        filters: [{ event_type: 'memory.creatd' }],
        worlds: ['*'],
        secret: 'whsec_c2hvcnQ=',
        auth: { type: 'hmac', secret: 'sh0rt', algorithm: 'sha256' },
        options: { timeout_ms: 0, headers: { 'X-A': 'b\r\nEvil: 1', Host: 'x' }, retry: { max_ms: 5 } },
        colour: 'red',
      } as unknown as WebhookInput),
    );
    expect(error.code).toBe('invalid');
    expect(error.issues.map(({ path }) => path).toSorted()).toEqual([
      'auth.secret',
      'colour',
      'filters.0.event_type',
      'name',
      'options.headers.Host',
      'options.headers.X-A',
      'options.retry.max_ms',
      'options.timeout_ms',
      'secret',
      'url',
      'worlds.0',
    ]);
    const text = JSON.stringify([error.message, error.issues]);
    for (const value of ['c2hvcnQ', 'sh0rt', 'Evil']) expect(text).not.toContain(value);
    expect(error.issues.find(({ path }) => path === 'filters.0.event_type')?.hint).toContain(
      'memory.created',
    );
    expect(await world.service.list({ limit: 10 })).toEqual([]);
    expect(world.log.head()).toBe(0);
  });

  it.each([
    'http://10.0.0.1/',
    'http://192.168.1.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://0x0a000001/',
    'http://167772161/',
    'http://user:pass@example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
  ])('the address %s is egress_denied', async (url) => {
    await using world = await openWebhooks();
    const error = await errorOf(() => world.service.create({ url, filters: FILTERS }));
    expect(error.code).toBe('egress_denied');
    expect(error.issues).toMatchObject([{ path: 'url' }]);
  });

  it.each<[string, string, unknown]>([
    ['url', 'no URL', { filters: FILTERS }],
    ['url', 'a relative URL', { url: '/hook', filters: FILTERS }],
    ['url', 'a line break', { url: `${URL_OK}\n`, filters: FILTERS }],
    ['url', 'a fragment', { url: `${URL_OK}#a`, filters: FILTERS }],
    ['url', 'a number', { url: 7, filters: FILTERS }],
    ['url', 'a long URL', { url: `${URL_OK}?${'a'.repeat(2_048)}`, filters: FILTERS }],
    ['filters', 'no filters', { url: URL_OK }],
    ['filters', 'an empty list', { url: URL_OK, filters: [] }],
    ['filters.0', 'a filter that is text', { url: URL_OK, filters: ['memory.created'] }],
    ['secret', 'a secret without prefix', { url: URL_OK, filters: FILTERS, secret: 'a'.repeat(40) }],
    [
      'secret',
      'a secret of 23 bytes',
      { url: URL_OK, filters: FILTERS, secret: `whsec_${Buffer.alloc(23).toString('base64')}` },
    ],
    [
      'secret',
      'a secret of 65 bytes',
      { url: URL_OK, filters: FILTERS, secret: `whsec_${Buffer.alloc(65).toString('base64')}` },
    ],
    [
      'secret',
      'a secret in base64url',
      { url: URL_OK, filters: FILTERS, secret: `whsec_${'-_'.repeat(20)}` },
    ],
    ['auth.type', 'an unknown auth', { url: URL_OK, filters: FILTERS, auth: { type: 'magic' } }],
    [
      'auth.token',
      'a token with a line break',
      { url: URL_OK, filters: FILTERS, auth: { type: 'bearer', token: 'a\nb' } },
    ],
    [
      'auth.username',
      'a user name with a colon',
      { url: URL_OK, filters: FILTERS, auth: { type: 'basic', username: 'a:b', password: 'c' } },
    ],
    [
      'auth.name',
      'an auth header of ours',
      { url: URL_OK, filters: FILTERS, auth: { type: 'header', name: 'Webhook-Id', value: 'c' } },
    ],
    [
      'auth.value',
      'an auth header with CRLF',
      { url: URL_OK, filters: FILTERS, auth: { type: 'header', name: 'X-A', value: 'c\r\nX: y' } },
    ],
    [
      'options.headers.Authorization',
      'credentials among the headers',
      { url: URL_OK, filters: FILTERS, options: { headers: { Authorization: 'Bearer x' } } },
    ],
    [
      'options.headers.X A',
      'a space in a name',
      { url: URL_OK, filters: FILTERS, options: { headers: { 'X A': 'b' } } },
    ],
    [
      'options.headers.x-a',
      'a header in two spellings',
      { url: URL_OK, filters: FILTERS, options: { headers: { 'X-A': 'b', 'x-a': 'c' } } },
    ],
    [
      'options.headers.X-Crucible-Event-Id',
      'a header of ours',
      { url: URL_OK, filters: FILTERS, options: { headers: { 'X-Crucible-Event-Id': 'b' } } },
    ],
    [
      'options.headers.X-A',
      'a header that is not ASCII',
      { url: URL_OK, filters: FILTERS, options: { headers: { 'X-A': 'ü' } } },
    ],
    [
      'options.headers.x-k',
      'the header of auth again',
      {
        url: URL_OK,
        filters: FILTERS,
        auth: { type: 'header', name: 'X-K', value: 'v' },
        options: { headers: { 'x-k': 'b' } },
      },
    ],
    [
      'options.retry.backoff',
      'preset and backoff',
      { url: URL_OK, filters: FILTERS, options: { retry: { preset: 'quick', backoff: 'fixed' } } },
    ],
    [
      'options.retry.initial_ms',
      'a delay without backoff',
      { url: URL_OK, filters: FILTERS, options: { retry: { initial_ms: 5 } } },
    ],
    [
      'options.retry.on.0',
      'a retry rule that is none',
      { url: URL_OK, filters: FILTERS, options: { retry: { on: ['6xx'] } } },
    ],
    [
      'options.retry.max_attempts',
      'no attempts',
      { url: URL_OK, filters: FILTERS, options: { retry: { max_attempts: 0 } } },
    ],
    [
      'options.batch',
      'an option that does not exist',
      { url: URL_OK, filters: FILTERS, options: { batch: {} } },
    ],
    ['worlds', 'no worlds', { url: URL_OK, filters: FILTERS, worlds: [] }],
    ['', 'a list', []],
    ['', 'nothing', null],
  ])('at %j: %s', async (path, _name, input) => {
    await using world = await openWebhooks();
    const error = await errorOf(() => world.service.create(input as WebhookInput));
    expect(error.code).toBe('invalid');
    expect(error.issues.map((issue) => issue.path)).toContain(path);
    expect(error.issues.every(({ message }) => message.length > 5)).toBe(true);
  });

  it.each(['', 'options', 'options.headers', 'options.retry', 'auth'])(
    '__proto__ in %j is told of, and inert',
    async (at) => {
      await using world = await openWebhooks();
      const keys = at === '' ? [] : at.split('.');
      const inner = keys.reduceRight(
        (json, key) => `{${JSON.stringify(key)}:${json}}`,
        '{"__proto__":{"polluted":1}}',
      );
      const input = JSON.parse(
        `{"url":"${URL_OK}","filters":[{"event_type":"*"}],${inner.slice(1)}`,
      ) as WebhookInput;
      const error = await errorOf(() => world.service.create(input));
      expect(error.code).toBe('invalid');
      expect(error.issues.map(({ path }) => path)).toContain([...keys, '__proto__'].join('.'));
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    },
  );
});

describe('reading and removing', () => {
  it('lists in the order of ids, page by page', async () => {
    await using world = await openWebhooks();
    const made: string[] = [];
    for (const where of ['a', 'b', 'a']) {
      const { webhook } = await world.as(where, () =>
        world.service.create({ url: URL_OK, filters: FILTERS }),
      );
      made.push(webhook.id);
    }
    const first = await world.service.list({ limit: 2 });
    const rest = await world.service.list({ limit: 2, after: first.at(-1)?.id ?? '' });
    expect([...first, ...rest].map(({ id }) => id)).toEqual(made);
    expect(first).toHaveLength(2);
  });

  it('gets the events of its worlds only', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.as('lab', () =>
      world.service.create({ url: URL_OK, filters: [{ event_type: '*' }] }),
    );
    await world.publish({}, callerIn('default'));
    expect(await world.runsOf(webhook.id)).toEqual([]);
    await world.publish({}, callerIn('lab'));
    expect(await world.runsOf(webhook.id)).toMatchObject([{ world: 'lab' }]);
  });

  it('a removed webhook gets no event any more, and is told of', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create({ url: URL_OK, filters: FILTERS });
    await world.service.remove(webhook.id);
    await world.publish();
    expect(await world.runsOf(webhook.id)).toEqual([]);
    expect((await errorOf(() => world.service.get(webhook.id))).code).toBe('not_found');
    expect((await errorOf(() => world.service.remove(webhook.id))).code).toBe('not_found');
    const { data } = await world.log.query({ types: ['webhook.deleted'] });
    expect(data).toMatchObject([{ subject: webhook.id, payload: { webhook_id: webhook.id, url: URL_OK } }]);
  });

  it('an id that was never one is not found', async () => {
    await using world = await openWebhooks();
    for (const id of ['', 'whk_x', '__proto__', "'; DELETE webhook; --"]) {
      expect((await errorOf(() => world.service.get(id))).code).toBe('not_found');
    }
  });

  it.each([
    [['succeeded'], 'active'],
    [['failed'], 'failing'],
    [['retrying'], 'failing'],
    [['dead'], 'failing'],
    [['dead', 'succeeded'], 'active'],
    [['succeeded', 'dead'], 'failing'],
    [['dead', 'pending', 'running'], 'failing'],
    [['cancelled'], 'active'],
  ] as const)('after deliveries that ended %j, it is %s', async (states, status) => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create({ url: URL_OK, filters: FILTERS });
    for (const state of states) {
      await world.publish();
      const { id } = await world.newestRun(webhook.id);
      await world.log.append({
        events: [],
        mutations: [{ op: 'patch', table: RUN_TABLE.name, id, set: { state } satisfies Partial<Run> }],
      });
    }
    expect((await world.service.get(webhook.id)).status).toBe(status);
    expect((await world.service.list({ limit: 10 }))[0]?.status).toBe(status);
  });

  it('all of them are targets again after a restart', async () => {
    await using world = await openWebhooks();
    for (const enabled of [true, false])
      await world.service.create({ url: URL_OK, filters: FILTERS, enabled });
    const removed = await world.service.create({ url: URL_OK, filters: FILTERS });
    await world.service.remove(removed.webhook.id);
    const loaded = await loadTargets(world.log.records);
    const plain = (targets: typeof loaded) =>
      targets.map(({ filters, ...rest }) => ({ ...rest, filters: filters.source }));
    expect(plain(loaded)).toEqual(plain(world.reactor.targets().all()));
    expect(loaded).toHaveLength(2);
  });
});
