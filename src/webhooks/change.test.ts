import { describe, expect, it } from 'vitest';
import type { CrucibleError } from '../kernel/errors.ts';
import { DEFINITION_TABLE } from '../dispatch/run.ts';
import { openWebhooks } from '../../test/support/webhooks.ts';
import { disableEndpoint } from './disable.ts';
import { asWebhookRow, openSecrets, WEBHOOK_TABLE, type WebhookRow } from './row.ts';
import { loadTargets } from './targets.ts';
import type { WebhookAuth, WebhookChange } from './webhook.ts';

const URL_OK = 'http://127.0.0.1:9/hook';
const FILTERS = [{ event_type: 'custom.note.*' }];
const WANTED = { url: URL_OK, filters: FILTERS };
const AUTH: WebhookAuth = { type: 'bearer', token: 'bearer-token-of-the-test' };
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

type World = Awaited<ReturnType<typeof openWebhooks>>;

const rowOf = async (world: World, id: string): Promise<WebhookRow> => {
  const row = await world.log.records.get(WEBHOOK_TABLE.name, id);
  if (row === undefined) throw new Error(`there is no row ${id}`);
  return asWebhookRow(row);
};
const secretsOf = async (world: World, id: string) => openSecrets(world.box, await rowOf(world, id));
const toldOf = async (world: World) =>
  (await world.log.query({ types: ['webhook.updated'], order: 'asc' })).data;
const errorOf = (work: Promise<unknown>): Promise<CrucibleError> =>
  work.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: CrucibleError) => error,
  );

describe('a change of a webhook', () => {
  it('is one commit, and tells which fields differ and no values', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create({ ...WANTED, auth: AUTH });
    const head = world.log.head();
    const after = await world.service.update(webhook.id, {
      ...WANTED,
      name: 'Archive',
      auth: { type: 'basic', username: 'bob', password: 'basic-password-of-the-test' },
      secret: SECRET,
      options: { timeout_ms: 500, headers: { 'X-Api-Key': 'api-key-of-the-test' } },
    });
    expect(after).toMatchObject({ id: webhook.id, name: 'Archive', options: { timeout_ms: 500 } });
    expect(after.updated_at).toBeGreaterThan(webhook.updated_at);
    expect(after.created_at).toBe(webhook.created_at);
    expect(await world.service.get(webhook.id)).toEqual(after);
    expect(world.log.head()).toBe(head + 1);
    expect(await toldOf(world)).toMatchObject([
      {
        subject: webhook.id,
        payload: {
          webhook_id: webhook.id,
          name: 'Archive',
          changed: ['name', 'auth', 'secret', 'options'],
        },
      },
    ]);
    for (const secret of [AUTH.token, 'basic-password', 'api-key-of', SECRET.slice(6)])
      expect(world.stored()).not.toContain(secret);
    const row = await rowOf(world, webhook.id);
    expect(await world.log.records.get(DEFINITION_TABLE.name, row.definition)).toMatchObject({
      kind: 'webhook',
      definition: { name: 'Archive', auth: 'basic' },
    });
  });

  it('matches the very next event, and what has matched before keeps its definition', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create(WANTED);
    await world.publish();
    const before = (await rowOf(world, webhook.id)).definition;
    await world.service.update(webhook.id, { ...WANTED, filters: [{ event_type: 'Memory.Created' }] });
    await world.publish();
    const runs = await world.runsOf(webhook.id);
    expect(runs.map(({ definition }) => definition)).toEqual([before]);
    await world.service.update(webhook.id, { ...WANTED, name: 'again' });
    await world.publish();
    const { definition } = await rowOf(world, webhook.id);
    expect((await world.runsOf(webhook.id)).map((run) => run.definition)).toEqual([definition, before]);
    const [loaded] = await loadTargets(world.log.records);
    const [live] = world.reactor.targets().all();
    expect({ ...loaded, filters: loaded?.filters.source }).toEqual({
      ...live,
      filters: live?.filters.source,
    });
  });

  it('keeps secret and auth when they are left out, all else is as for a new one', async () => {
    await using world = await openWebhooks();
    const { webhook, secret } = await world.as('lab', () =>
      world.service.create({
        ...WANTED,
        name: 'mine',
        auth: AUTH,
        options: { timeout_ms: 500, headers: { 'X-Api-Key': 'api-key-of-the-test' } },
      }),
    );
    const after = await world.service.update(webhook.id, { ...WANTED, url: `${URL_OK}/other` });
    expect(after).toMatchObject({
      name: '127.0.0.1:9',
      worlds: ['default'],
      auth: webhook.auth,
      secret_hint: webhook.secret_hint,
      options: { timeout_ms: 15_000, headers: {} },
    });
    expect(await secretsOf(world, webhook.id)).toEqual({
      signing: [{ secret, until: null }],
      auth: AUTH,
      headers: {},
    });
    expect(await world.service.update(webhook.id, { ...WANTED, auth: null })).toMatchObject({ auth: null });
    expect((await secretsOf(world, webhook.id)).auth).toBeNull();
  });

  it.each(['http://127.0.0.1:10/hook', 'https://127.0.0.1:9/hook', 'http://127.0.0.2:9/hook'])(
    'never takes a stored credential to another server: %s',
    async (url) => {
      await using world = await openWebhooks();
      const { webhook } = await world.service.create({ ...WANTED, auth: AUTH });
      const error = await errorOf(world.service.update(webhook.id, { ...WANTED, url }));
      expect(error.code).toBe('invalid');
      expect(error.issues.map(({ path }) => path)).toEqual(['auth']);
      expect(await world.service.get(webhook.id)).toEqual(webhook);
      for (const auth of [null, AUTH])
        expect((await world.service.update(webhook.id, { ...WANTED, url, auth })).url).toBe(url);
    },
  );

  it('enables again what we have disabled, unless it says otherwise', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create(WANTED);
    const origin = { source: { kind: 'system', component: 'webhooks' }, actor: 'system:webhooks' } as const;
    await disableEndpoint(world.deliveryDeps, await rowOf(world, webhook.id), 'gone', {
      ...origin,
      world: 'default',
      correlation_id: 'cor_a',
      causation_id: null,
      depth: 0,
    });
    const off = await world.service.update(webhook.id, { ...WANTED, name: 'off', enabled: false });
    expect(off).toMatchObject({ status: 'disabled', disabled_reason: 'gone' });
    await world.publish();
    const on = await world.service.update(webhook.id, WANTED);
    expect(on).toMatchObject({ enabled: true, status: 'active' });
    expect(on).not.toHaveProperty('disabled_reason');
    await world.publish();
    expect((await world.runsOf(webhook.id)).map(({ state }) => state)).toEqual(['pending', 'skipped']);
  });

  it('that changes nothing is told to nobody', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create({ ...WANTED, auth: AUTH, secret: SECRET });
    world.advance(1_000);
    for (const again of [{}, { auth: AUTH }, { secret: SECRET }, { enabled: true }])
      expect(await world.service.update(webhook.id, { ...WANTED, ...again })).toEqual(webhook);
    expect(await toldOf(world)).toEqual([]);
  });

  it('does not mix with another: of two at the same time one is refused', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create(WANTED);
    const names = ['one', 'two', 'three'];
    const ends = await Promise.allSettled(
      names.map((name) =>
        world.service.update(webhook.id, { ...WANTED, name, auth: { type: 'bearer', token: name } }),
      ),
    );
    const done = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as CrucibleError] : []));
    expect(done).toHaveLength(1);
    expect(refused.map(({ code }) => code)).toEqual(['conflict', 'conflict']);
    expect(await world.service.get(webhook.id)).toEqual(done[0]);
    expect((await secretsOf(world, webhook.id)).auth).toEqual({ type: 'bearer', token: done[0]?.name });
    expect(await toldOf(world)).toHaveLength(1);
  });

  it('does not bring back what is removed at the same time', async () => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create(WANTED);
    const [removed, changed] = await Promise.allSettled([
      world.service.remove(webhook.id),
      world.service.update(webhook.id, { ...WANTED, name: 'back' }),
    ]);
    expect(removed.status).toBe('fulfilled');
    expect(changed).toMatchObject({ status: 'rejected', reason: { code: 'not_found' } });
    expect(world.reactor.targets().size).toBe(0);
    expect((await errorOf(world.service.update('whk_none', WANTED))).code).toBe('not_found');
  });

  it.each<[code: string, paths: readonly string[], input: unknown]>([
    ['egress_denied', ['url'], { ...WANTED, url: 'http://169.254.169.254/' }],
    ['invalid', ['filters'], { url: URL_OK }],
    ['invalid', ['url'], { filters: FILTERS }],
    ['invalid', ['auth.token'], { ...WANTED, auth: { type: 'bearer', token: 'a\nb' } }],
    ['invalid', ['nmae'], { ...WANTED, auth: null, nmae: 'x' }],
    ['invalid', [''], null],
    ['invalid', [''], []],
    [
      'invalid',
      ['__proto__'],
      JSON.parse(`{"url":"${URL_OK}","filters":[{"event_type":"*"}],"__proto__":{}}`),
    ],
  ])('is refused as %s at %j', async (code, paths, input) => {
    await using world = await openWebhooks();
    const { webhook } = await world.service.create(WANTED);
    const error = await errorOf(world.service.update(webhook.id, input as WebhookChange));
    expect(error.code).toBe(code);
    expect(error.issues.map(({ path }) => path)).toEqual(expect.arrayContaining([...paths]));
    expect(await world.service.get(webhook.id)).toEqual(webhook);
  });
});
