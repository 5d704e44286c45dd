import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRouter } from '../../router/router.ts';
import { fakeServices } from '../../router/testing/fake-services.ts';
import { generateKey } from '../../src/access/key-format.ts';
import { KEY_TABLE } from '../../src/access/key-row.ts';
import { createClient } from '../../src/client/client.ts';
import type { JwtConfig } from '../../src/config/config.ts';
import { createEgress } from '../../src/egress/create.ts';
import { catalogue } from '../../src/events/catalogue.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { newId } from '../../src/kernel/ids.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { createLog, idleReactor } from '../../src/log/create-log.ts';
import { createEventService } from '../../src/log/event-service.ts';
import { createMemoryStore } from '../../src/log/memory-store.ts';
import { createClosers } from '../../src/main/closers.ts';
import { openAccess } from '../../src/main/open-access.ts';
import { AUDIENCE, startIssuer, type TestIssuer } from '../support/issuer.ts';
import { restOf, type Answer, type Rest } from '../support/rest.ts';

/** The API over real access, a real event log and a real way out; the issuer is a real HTTP server. */

const ADMIN_KEY = generateKey(randomBytes);

interface Api extends AsyncDisposable {
  readonly url: string;
  readonly admin: Rest;
  as(credentials: string): Rest;
}

const start = async (jwt?: Partial<JwtConfig>, allow: readonly string[] = ['127.0.0.0/8']): Promise<Api> => {
  const closers = createClosers(logger);
  const log = await createLog({
    store: createMemoryStore({ tables: [KEY_TABLE] }),
    reactor: idleReactor,
    clock: { now: () => Date.now() },
    logger,
    upcast: catalogue.upcast,
  });
  closers.add(() => log.close());
  const egress = createEgress({ policy: { allow, anyPortInAllowed: true }, logger });
  closers.add(() => egress.close());
  const { access, keys } = await openAccess(
    {
      adminKey: ADMIN_KEY,
      jwt:
        jwt?.issuer === undefined
          ? undefined
          : {
              issuer: jwt.issuer,
              audience: [AUDIENCE],
              algorithms: ['RS256'],
              keysUrl: jwt.keysUrl,
              key: jwt.key,
            },
      log,
      egress,
      logger,
    },
    closers,
  );
  const { services } = fakeServices({ keys, events: createEventService({ log, catalogue, newId }) });
  const http = createHttpServer({
    router: createRouter(services),
    services,
    access,
    health: { components: () => [] },
    logger,
    version: '1.2.3',
  });
  const { url } = await http.listen({ host: '127.0.0.1', port: 0 });
  closers.add(() => http.close(0));
  return {
    url,
    admin: restOf(url, ADMIN_KEY),
    as: (credentials) => restOf(url, credentials),
    [Symbol.asyncDispose]: () => closers.closeAll(),
  };
};

const EVENT = { type: 'custom.note', payload: {} };
const lastEvent = async (rest: Rest): Promise<Record<string, unknown>> =>
  (await rest('GET', '/events?type=custom.note&limit=1')).body.data[0];

describe('an OAuth 2 resource server', () => {
  let issuer: TestIssuer;
  let api: Api;
  beforeAll(async () => {
    issuer = await startIssuer();
    api = await start({ issuer: issuer.url });
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  test('takes an access token of the issuer, whose keys it finds by itself, once', async () => {
    const alice = api.as(await issuer.token());
    expect((await alice('POST', '/events', EVENT)).status).toBe(201);
    expect(await lastEvent(alice)).toMatchObject({
      actor: 'user:alice',
      source: { kind: 'user', user_id: 'alice' },
      world: 'default',
    });
    expect(issuer.asked).toEqual(['/.well-known/oauth-authorization-server', '/keys']);
  });

  test('by tRPC as well', async () => {
    const client = createClient({ url: api.url, key: await issuer.token() });
    await expect(client.events.list.query({})).resolves.toMatchObject({ data: expect.any(Array) });
  });

  test('gives what scope and role say, in the worlds that are named', async () => {
    const reader = api.as(await issuer.token({ role: undefined, scope: 'openid event:read' }));
    expect((await reader('GET', '/events')).status).toBe(200);
    expect((await reader('POST', '/events', EVENT)).status).toBe(403);
    const writer = api.as(await issuer.token({ worlds: ['lab', 'home'] }));
    await writer('POST', '/events', EVENT);
    expect(await lastEvent(writer)).toMatchObject({ world: 'lab' });
    const elsewhere = await writer('GET', '/events', undefined, { 'x-crucible-world': 'default' });
    expect(elsewhere.status).toBe(403);
    const alice = api.as(await issuer.token());
    const { id } = await lastEvent(writer);
    expect((await alice('GET', `/events/${String(id)}`)).status).toBe(404);
  });

  test('answers bad tokens with 401, and never follows what they name', async () => {
    await using attacker = await startIssuer();
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const forged = new SignJWT({ iss: issuer.url, aud: AUDIENCE, sub: 'root', role: 'admin' })
      .setProtectedHeader({ alg: 'RS256', kid: 'key-1' })
      .setExpirationTime('1h')
      .sign(stranger.privateKey);
    const tokens = [
      await attacker.token(),
      await attacker.token({ iss: issuer.url }),
      await attacker.token({ iss: issuer.url }, { jku: attacker.keysUrl }),
      await attacker.token({ iss: issuer.url }, { x5u: attacker.keysUrl }),
      await attacker.token({ iss: issuer.url }, { kid: '../../keys' }),
      await attacker.token({ iss: issuer.url }, { kid: attacker.keysUrl }),
      await issuer.token({ aud: 'https://other.test' }),
      await forged,
    ];
    const before = issuer.asked.length;
    for (const token of tokens) {
      const answer = await api.as(token)('GET', '/events');
      expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect(JSON.stringify(answer.body)).not.toContain(token.split('.')[1]);
    }
    expect(attacker.asked).toEqual([]);
    // The cool-down: unknown keys do not make it ask the issuer again either.
    expect(issuer.asked).toHaveLength(before);
  });
});

describe('where the keys come from', () => {
  let issuer: TestIssuer;
  afterEach(() => issuer[Symbol.asyncDispose]());
  const tokenStatus = async (api: Api): Promise<readonly unknown[]> => {
    const { status, body } = await api.as(await issuer.token())('GET', '/events');
    return status === 200 ? [200] : [status, body.code];
  };

  test('OpenID Connect discovery, when there is no other', async () => {
    issuer = await startIssuer({ wellKnown: 'openid-configuration' });
    await using api = await start({ issuer: issuer.url });
    expect(await tokenStatus(api)).toEqual([200]);
    expect(issuer.asked).toEqual([
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration',
      '/keys',
    ]);
  });

  test('a URL of a key set', async () => {
    issuer = await startIssuer();
    await using api = await start({ issuer: issuer.url, keysUrl: issuer.keysUrl });
    expect(await tokenStatus(api)).toEqual([200]);
    expect(issuer.asked).toEqual(['/keys']);
  });

  test('a local key, and nobody is asked', async () => {
    issuer = await startIssuer();
    const jwk = issuer.privateKey().export({ format: 'jwk' });
    const key = JSON.stringify({ kty: jwk.kty, n: jwk['n'], e: jwk['e'] });
    await using api = await start({ issuer: issuer.url, key });
    expect(await tokenStatus(api)).toEqual([200]);
    expect(issuer.asked).toEqual([]);
  });

  test('through the guard: an address that hooks may not reach is not asked, and API keys work on', async () => {
    issuer = await startIssuer();
    await using api = await start({ issuer: issuer.url }, []);
    expect(await tokenStatus(api)).toEqual([503, 'issuer_unavailable']);
    expect(issuer.asked).toEqual([]);
    const refused: Answer = await api.as(await issuer.token())('GET', '/events');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await api.admin('GET', '/events')).status).toBe(200);
  });

  test('a redirect is not followed', async () => {
    await using attacker = await startIssuer();
    issuer = await startIssuer({ redirectKeysTo: attacker.keysUrl });
    await using api = await start({ issuer: issuer.url });
    expect(await tokenStatus(api)).toEqual([503, 'issuer_unavailable']);
    expect(attacker.asked).toEqual([]);
  });
});

describe('API keys over REST', () => {
  let api: Api;
  beforeAll(async () => {
    api = await start();
  });
  afterAll(() => api[Symbol.asyncDispose]());
  const create = async (input: object, by: Rest = api.admin): Promise<{ id: string; key: string }> => {
    const { status, body } = await by('POST', '/keys', input);
    expect(status).toBe(201);
    return body;
  };

  test('are made, used, listed without themselves, and revoked at once', async () => {
    const { id, key } = await create({ name: 'ci', role: 'editor' });
    const ci = api.as(key);
    expect((await ci('POST', '/events', EVENT)).status).toBe(201);
    expect(await lastEvent(ci)).toMatchObject({
      actor: `key:${id}`,
      source: { kind: 'external', integration: 'ci' },
    });
    const list = await api.admin('GET', '/keys');
    expect(list.body.data).toContainEqual(expect.objectContaining({ id, name: 'ci', role: 'editor' }));
    expect(JSON.stringify(list.body)).not.toMatch(/crk_|hash/);
    expect((await api.admin('DELETE', `/keys/${id}`)).status).toBe(204);
    expect(await ci('GET', '/events')).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect((await api.admin('DELETE', `/keys/${id}`)).status).toBe(404);
    expect(JSON.stringify((await api.admin('GET', '/keys')).body)).not.toContain(id);
  });

  test('expired, damaged and unknown ones are 401', async () => {
    const soon = new Date(Date.now() + 300).toISOString();
    const { key } = await create({ name: 'short', role: 'reader', expires_at: soon });
    await expect.poll(async () => (await api.as(key)('GET', '/events')).status).toBe(401);
    const expired = await api.as(key)('GET', '/events');
    expect(expired.body.detail).toContain('expired');
    const damaged = `${key.slice(0, -1)}${key.endsWith('a') ? 'b' : 'a'}`;
    expect((await api.as(damaged)('GET', '/events')).body.detail).toContain('checksum');
    expect((await api.as(generateKey(randomBytes))('GET', '/events')).body.detail).toContain('not valid');
  });

  test('of an agent make its events the agent’s', async () => {
    const { key } = await create({ name: 'bot', role: 'agent', agent: 'web-search' });
    const bot = api.as(key);
    await bot('POST', '/events', EVENT);
    expect(await lastEvent(bot)).toMatchObject({
      actor: 'agent:web-search',
      source: { kind: 'agent', agent_id: 'web-search' },
    });
    expect((await bot('DELETE', '/hooks/a')).status).toBe(403);
    expect((await bot('GET', '/keys')).status).toBe(403);
  });

  test('of an agent speak for that agent alone; a key of none speaks for any', async () => {
    const bound = api.as((await create({ name: 'b', role: 'agent', agent: 'web-search' })).key);
    const free = api.as((await create({ name: 'f', role: 'agent' })).key);
    const acts = (id: string): readonly (readonly [string, string, object?])[] => [
      ['POST', `/agents/${id}/messages`, { to: 'other', content: 'x' }],
      ['POST', `/agents/${id}/rooms`, { room: 'lab' }],
      ['DELETE', `/agents/${id}/rooms/lab`],
      ['POST', `/agents/${id}/tools`, { name: 'hammer' }],
      ['POST', `/agents/${id}/tools/hammer/use`, { duration_ms: 1, success: true }],
    ];
    const refused = async (by: Rest, id: string): Promise<readonly boolean[]> => {
      const answers = [];
      for (const [method, path, body] of acts(id)) answers.push(await by(method, path, body));
      return answers.map(({ status, body }) => status === 403 && /speak for the agent/.test(body.detail));
    };
    expect(await refused(bound, 'planner')).toEqual([true, true, true, true, true]);
    expect(await refused(bound, 'web-search')).toEqual([false, false, false, false, false]);
    expect(await refused(free, 'planner')).toEqual([false, false, false, false, false]);
  });

  test('narrowed to one hook open that one', async () => {
    const { key } = await create({ name: 'one', role: 'editor', scopes: ['hook:read:a', 'hook:write:a'] });
    const one = api.as(key);
    expect((await one('GET', '/hooks/a')).status).toBe(200);
    expect((await one('POST', '/hooks/a/disable')).status).toBe(200);
    expect((await one('GET', '/hooks/b')).status).toBe(403);
    expect((await one('POST', '/hooks/b/disable')).status).toBe(403);
    expect((await one('GET', '/hooks')).status).toBe(403);
    expect((await one('DELETE', '/hooks/a')).status).toBe(403);
  });

  test('make no key that can do more than they', async () => {
    const parent = await create({
      name: 'parent',
      role: 'admin',
      scopes: ['key:*', 'event:read'],
      worlds: ['lab'],
    });
    const child = api.as(parent.key);
    for (const input of [
      { name: 'c', role: 'admin' },
      { name: 'c', role: 'reader' },
      { name: 'c', role: 'editor', scopes: ['event:write'] },
      { name: 'c', role: 'reader', scopes: ['event:read'], worlds: ['lab', 'home'] },
    ]) {
      const answer = await child('POST', '/keys', input);
      expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
    }
    const made = await create({ name: 'c', role: 'reader', scopes: ['event:read'] }, child);
    expect(made).toMatchObject({ worlds: ['lab'], created_by: parent.id });
    // A key of all worlds is nothing that a key of one world sees.
    const wide = await create({ name: 'wide', role: 'reader' });
    expect((await child('DELETE', `/keys/${wide.id}`)).status).toBe(404);
    expect(JSON.stringify((await child('GET', '/keys')).body)).not.toContain(wide.id);
  });

  test('bad input is 422, with every place', async () => {
    const answer = await api.admin('POST', '/keys', {
      name: 'x',
      role: 'reader',
      scopes: ['nonsense', 'event:write'],
      worlds: ['../x'],
      agent: 'bot',
    });
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map(({ path }: { path: string }) => path)).toEqual([
      'scopes.0',
      'scopes.1',
      'worlds.0',
      'agent',
    ]);
    for (const input of [
      {},
      { name: 'x', role: 'root' },
      { name: '', role: 'reader' },
      { name: 'x', role: 'reader', hash: 'y' },
      { name: 'x', role: 'reader', scopes: [] },
      { name: 'x', role: 'reader', expires_at: 'tomorrow' },
    ])
      expect((await api.admin('POST', '/keys', input)).status).toBe(422);
  });

  test('a repeat under the same idempotency key gives the same key’s row, and not the key', async () => {
    const input = { name: 'once', role: 'reader' };
    const headers = { 'idempotency-key': 'make-once' };
    const first = await api.admin('POST', '/keys', input, headers);
    const second = await api.admin('POST', '/keys', input, headers);
    expect([second.status, second.body.id, second.body.key]).toEqual([201, first.body.id, null]);
    expect(first.body.key).toMatch(/^crk_/);
  });
});
