import { createHmac, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { JSONWebKeySet, JWK } from 'jose';
import { SignJWT, exportJWK } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger as logger } from '../kernel/logger.ts';
import { createAccess } from './access.ts';
import { ROLE_PERMISSIONS } from './grants.ts';
import { createDiscovery, discoveryUrls, keySetUrlIn } from './issuer.ts';
import { localKeySet, remoteKeySet } from './key-set.ts';
import type { FindKey } from './key-set.ts';
import { readLocalKeys } from './local-key.ts';
import { createTokenVerifier } from './tokens.ts';

const ISSUER = 'https://login.example.org';
const AUDIENCE = 'https://crucible.example.org';
const ADMIN_KEY = 'an-admin-key-of-thirty-two-characters-or-more';
const NOW = Date.UTC(2026, 10, 24) / 1000;

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
const jwk = async (key: KeyObject, kid: string): Promise<JWK> => ({ ...(await exportJWK(key)), kid });
const KEYS: JSONWebKeySet = { keys: [await jwk(rsa.publicKey, 'k1'), await jwk(ec.publicKey, 'k2')] };

const GOOD = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'alice',
  iat: NOW - 10,
  exp: NOW + 600,
  role: 'reader',
} as const;
type Claims = Readonly<Record<string, unknown>>;
const without = (name: string): Claims =>
  Object.fromEntries(Object.entries(GOOD).filter(([k]) => k !== name));

const sign = (
  claims: Claims = GOOD,
  header: Readonly<Record<string, unknown>> = {},
  key: KeyObject = rsa.privateKey,
): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1', typ: 'at+jwt', ...header }).sign(key);

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const shownOf = (error: unknown): string =>
  `${error instanceof Error ? error.message : ''} ${JSON.stringify(error)}`;

const accessWith = (
  findKey: FindKey,
  algorithms: readonly ('RS256' | 'ES256' | 'PS256')[] = ['RS256', 'ES256'],
) =>
  createAccess({
    adminKey: ADMIN_KEY,
    verifyToken: createTokenVerifier({
      rules: { issuer: ISSUER, audience: [AUDIENCE], algorithms },
      findKey,
      now: () => NOW * 1000,
    }),
  });
const access = accessWith(localKeySet(KEYS));
const principalOf = (token: string) => access.authenticate(`Bearer ${token}`);

describe('good tokens', () => {
  test('name a user, who may what the role says until the token ends', async () => {
    expect(await principalOf(await sign())).toEqual({
      id: 'user:alice',
      actor: 'user:alice',
      source: { kind: 'user', user_id: 'alice' },
      worlds: ['default'],
      permissions: ROLE_PERMISSIONS.reader,
      limited: new Map(),
      expiresAt: (NOW + 600) * 1000,
    });
  });

  test('by another algorithm and key of the same issuer', async () => {
    expect(await principalOf(await sign(GOOD, { alg: 'ES256', kid: 'k2' }, ec.privateKey))).toMatchObject({
      id: 'user:alice',
    });
  });

  test.each([
    ['scopes without a role', { scope: 'openid event:read hook:read:notify' }, ['event:read'], ['hook:read']],
    ['a list of scopes', { scope: ['event:read'] }, ['event:read'], []],
    ['scopes that narrow a role', { role: 'reader', scope: 'event:read event:write' }, ['event:read'], []],
    ['neither', {}, [], []],
    ['a role that is none of ours', { role: 'root', scope: 'event:read' }, [], []],
    ['a role that is no text', { role: ['admin'] }, [], []],
    ['a scope that is no text', { role: 'admin', scope: { a: 1 } }, [], []],
  ])('%s', async (_name, claims, permissions, limited) => {
    const principal = await principalOf(await sign({ ...without('role'), ...claims }));
    expect([...principal.permissions]).toEqual(permissions);
    expect([...(principal.limited ?? new Map()).keys()]).toEqual(limited);
  });

  test.each([
    ['a list', ['b', 'a'], ['b', 'a']],
    ['a text', 'b a', ['b', 'a']],
    ['all of them', ['*'], undefined],
  ])('worlds as %s', async (_name, worlds, expected) => {
    expect((await principalOf(await sign({ ...GOOD, worlds }))).worlds).toEqual(expected);
  });

  test('a clock that is five seconds off does no harm', async () => {
    expect(await principalOf(await sign({ ...GOOD, nbf: NOW + 4 }))).toMatchObject({ id: 'user:alice' });
    expect(await principalOf(await sign({ ...GOOD, exp: NOW - 4 }))).toMatchObject({ id: 'user:alice' });
  });

  test('for several audiences, this one among them', async () => {
    const token = await sign({ ...GOOD, aud: ['https://other.example.org', AUDIENCE] });
    expect(await principalOf(token)).toMatchObject({ id: 'user:alice' });
  });

  test('with a local key instead of a key set', async () => {
    const jwkText = JSON.stringify(KEYS.keys[0]);
    for (const text of [
      pemOf(rsa.publicKey),
      pemOf(rsa.publicKey).replaceAll('\n', '\\n'),
      jwkText,
      JSON.stringify(KEYS),
    ]) {
      const local = accessWith(localKeySet(readLocalKeys(text)));
      await expect(local.authenticate(`Bearer ${await sign()}`)).resolves.toMatchObject({
        id: 'user:alice',
      });
    }
  });
});

describe('bad tokens', () => {
  const publicPem = pemOf(rsa.publicKey);
  const hs256 = (secret: string | Buffer): string => {
    const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: 'k1' })}.${part({ ...GOOD, role: 'admin' })}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const unsigned = (alg: string): string =>
    `${part({ alg, typ: 'JWT' })}.${part({ ...GOOD, role: 'admin' })}.`;

  const table: readonly (readonly [string, () => string | Promise<string>, RegExp])[] = [
    ['alg none', () => unsigned('none'), /algorithm|cannot be read/],
    ['alg None', () => unsigned('None'), /algorithm|cannot be read/],
    ['alg none with a signature', () => `${unsigned('none')}AAAA`, /algorithm|cannot be read/],
    ['HS256 with the RSA public key (PEM) as the secret', () => hs256(publicPem), /algorithm/],
    ['HS256 with the trimmed PEM', () => hs256(publicPem.trim()), /algorithm/],
    [
      'HS256 with the RSA public key (DER)',
      () => hs256(rsa.publicKey.export({ type: 'spki', format: 'der' })),
      /algorithm/,
    ],
    ['HS256 with an empty secret', () => hs256(''), /algorithm/],
    [
      'kid ../',
      () => sign(GOOD, { kid: '../../../../dev/null' }, stranger.privateKey),
      /key that its issuer/,
    ],
    ['a kid with SQL in it', () => sign(GOOD, { kid: "k1' OR 1=1 --" }, stranger.privateKey), /key that its/],
    [
      'jku to a key set of the attacker',
      () => sign(GOOD, { jku: 'http://127.0.0.1:9/keys' }, stranger.privateKey),
      /its own key/,
    ],
    [
      'jwk in the header',
      async () => sign(GOOD, { jwk: await jwk(stranger.publicKey, 'k1') }, stranger.privateKey),
      /its own key/,
    ],
    [
      'x5u in the header',
      () => sign(GOOD, { x5u: 'http://127.0.0.1:9/' }, stranger.privateKey),
      /its own key/,
    ],
    ['jku on a token that is good otherwise', () => sign(GOOD, { jku: `${ISSUER}/keys` }), /its own key/],
    ['an unknown critical header', () => critical(), /cannot be read/],
    ['no exp', () => sign(without('exp')), /no expiry/],
    ['expired', () => sign({ ...GOOD, exp: NOW - 6 }), /expired/],
    ['not before, in the future', () => sign({ ...GOOD, nbf: NOW + 60 }), /not valid yet/],
    ['exp as text', () => sign({ ...GOOD, exp: '9999999999' }), /expiry/],
    ['wrong aud', () => sign({ ...GOOD, aud: 'https://other.example.org' }), /audience/],
    ['no aud', () => sign(without('aud')), /no audience/],
    ['wrong iss', () => sign({ ...GOOD, iss: `${ISSUER}/` }), /issuer/],
    ['no iss', () => sign(without('iss')), /no issuer/],
    ['no sub', () => sign(without('sub')), /no subject/],
    ['a sub with spaces', () => sign({ ...GOOD, sub: 'a b' }), /subject/],
    ['an empty sub', () => sign({ ...GOOD, sub: '' }), /subject/],
    ['worlds that are none', () => sign({ ...GOOD, worlds: [] }), /worlds/],
    ['worlds that are no names', () => sign({ ...GOOD, worlds: ['../x'] }), /worlds/],
    ['signed by a stranger', () => sign(GOOD, {}, stranger.privateKey), /signature/],
    [
      'a changed payload',
      async () => {
        const [header, , signature] = (await sign()).split('.');
        return `${header}.${part({ ...GOOD, role: 'admin' })}.${signature}`;
      },
      /signature/,
    ],
    ['no signature', async () => (await sign()).replace(/[^.]+$/, ''), /signature|cannot be read/],
    ['an RSA key used as ES256', () => sign(GOOD, { alg: 'ES256' }, ec.privateKey), /key that its issuer/],
    ['garbage in three parts', () => 'aaaa.bbbb.cccc', /cannot be read/],
    ['a header that is no object', () => `${part([1])}.${part(GOOD)}.AAAA`, /cannot be read|algorithm/],
    ['two parts', async () => (await sign()).split('.').slice(0, 2).join('.'), /not valid/],
    ['five parts (encrypted)', () => 'a.b.c.d.e', /not valid/],
  ];
  const critical = (): Promise<string> =>
    new SignJWT(GOOD)
      .setProtectedHeader({ alg: 'RS256', kid: 'k1', crit: ['urn:x'], 'urn:x': true })
      .sign(rsa.privateKey, { crit: { 'urn:x': true } });

  test.each(table)('%s is 401, and the answer repeats none of it', async (_name, make, message) => {
    const token = await make();
    const error = await principalOf(token).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'unauthenticated',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
    const shown = shownOf(error);
    for (const piece of token.split('.').filter((text) => text.length > 8))
      expect(shown).not.toContain(piece);
  });

  test('a token by an algorithm that is not pinned is refused, also with a good key', async () => {
    const token = await sign(GOOD, { alg: 'PS256' });
    await expect(principalOf(token)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining('algorithm'),
    });
    const wider = accessWith(localKeySet(KEYS), ['PS256']);
    expect(await wider.authenticate(`Bearer ${token}`)).toMatchObject({ id: 'user:alice' });
  });

  test('without a configured issuer no token opens anything', async () => {
    await expect(
      createAccess({ adminKey: ADMIN_KEY }).authenticate(`Bearer ${await sign()}`),
    ).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});

describe('a key set by URL', () => {
  let time = 0;
  let served: unknown = KEYS;
  let fetches = 0;
  beforeEach(() => {
    time = 0;
    served = KEYS;
    fetches = 0;
  });
  const keySet = (to = logger) =>
    remoteKeySet({
      fetchKeys: async () => {
        fetches += 1;
        if (served instanceof Error) throw served;
        return served;
      },
      monotonicMs: () => time,
      logger: to,
    });
  const remote = () => accessWith(keySet().find);
  const ask = async (from: ReturnType<typeof remote>, token: string): Promise<string> => {
    try {
      return (await from.authenticate(`Bearer ${token}`)).id;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test('is fetched once for many requests, and again after ten minutes', async () => {
    const from = remote();
    const token = await sign();
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => ask(from, token))))).toEqual(
      new Set(['user:alice']),
    );
    expect(fetches).toBe(1);
    time = 600_000 - 1;
    await ask(from, token);
    expect(fetches).toBe(1);
    time = 600_000;
    await ask(from, token);
    expect(fetches).toBe(2);
  });

  test('a rotated key is found at its first token, and unknown ones cannot make us ask again and again', async () => {
    const from = remote();
    await ask(from, await sign());
    served = { keys: [...KEYS.keys, await jwk(stranger.publicKey, 'k3')] };
    const rotated = await sign(GOOD, { kid: 'k3' }, stranger.privateKey);
    time = 29_999;
    expect(await ask(from, rotated)).toBe('unauthenticated');
    time = 30_000;
    expect(await ask(from, rotated)).toBe('user:alice');
    expect(fetches).toBe(2);
    for (let i = 0; i < 50; i += 1) await ask(from, await sign(GOOD, { kid: `x${i}` }, stranger.privateKey));
    expect(fetches).toBe(2);
  });

  test('a key that the issuer has taken back opens nothing any more', async () => {
    const from = remote();
    const token = await sign();
    await ask(from, token);
    served = { keys: [KEYS.keys[1]] };
    time = 600_000;
    expect(await ask(from, token)).toBe('unauthenticated');
  });

  test('an issuer that is away: known keys count for an hour, then nothing can be judged', async () => {
    const from = remote();
    const token = await sign();
    await ask(from, token);
    served = new Error('connection refused');
    time = 3_599_999;
    expect(await ask(from, token)).toBe('user:alice');
    time = 3_600_000;
    expect(await ask(from, token)).toBe('issuer_unavailable');
    const before = fetches;
    time += 4_000;
    await ask(from, token);
    expect(fetches).toBe(before);
    served = KEYS;
    time += 1_001;
    expect(await ask(from, token)).toBe('user:alice');
  });

  test('an issuer that is away is told once before any token comes, and asked again by one', async () => {
    const told: unknown[] = [];
    served = new Error('connection refused');
    const { find, fetchAhead } = keySet({ ...logger, warn: (fields) => told.push(fields) });
    await fetchAhead();
    const from = accessWith(find);
    expect(await ask(from, await sign())).toBe('issuer_unavailable');
    expect(told).toEqual([
      { problem: 'connection refused', hint: expect.stringContaining('CRUCIBLE_JWT_JWKS_URL') },
    ]);
    served = KEYS;
    time = 5_000;
    expect(await ask(from, await sign())).toBe('user:alice');
  });

  test('is known by the first token where it was fetched ahead', async () => {
    const { find, fetchAhead } = keySet();
    await fetchAhead();
    served = new Error('connection refused');
    expect(await ask(accessWith(find), await sign())).toBe('user:alice');
    expect(fetches).toBe(1);
  });

  test.each([[{}], [{ keys: 'none' }], [null], ['<html>']])('%j is no key set', async (answer) => {
    served = answer;
    expect(await ask(remote(), await sign())).toBe('issuer_unavailable');
  });
});

describe('discovery', () => {
  test('looks in the places of RFC 8414 and OpenID Connect', () => {
    expect(discoveryUrls('https://a.example/tenant/')).toEqual([
      'https://a.example/.well-known/oauth-authorization-server/tenant',
      'https://a.example/tenant/.well-known/openid-configuration',
    ]);
  });

  test('takes the description of the configured issuer only', () => {
    const keys = `${ISSUER}/keys`;
    expect(keySetUrlIn({ issuer: ISSUER, jwks_uri: keys }, ISSUER)).toBe(keys);
    for (const [document, message] of [
      [{ issuer: `${ISSUER}.evil.example`, jwks_uri: keys }, /another issuer/],
      [{ jwks_uri: keys }, /another issuer/],
      [null, /another issuer/],
      [{ issuer: ISSUER }, /no jwks_uri/],
      [{ issuer: ISSUER, jwks_uri: 'not a url' }, /no jwks_uri/],
      [{ issuer: ISSUER, jwks_uri: 'http://login.example.org/keys' }, /not https/],
    ] as const)
      expect(() => keySetUrlIn(document, ISSUER)).toThrow(message);
  });

  test('keeps what it found, and asks again after a failure', async () => {
    const asked: string[] = [];
    let up = false;
    const discover = createDiscovery(ISSUER, async (url) => {
      asked.push(url);
      if (!up || url.includes('oauth')) throw new Error('404');
      return { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` };
    });
    await expect(discover()).rejects.toThrow(/oauth-authorization-server: 404; .*openid-configuration: 404/);
    up = true;
    expect(await discover()).toBe(`${ISSUER}/keys`);
    expect(await discover()).toBe(`${ISSUER}/keys`);
    expect(asked).toHaveLength(4);
  });
});

describe('a local key', () => {
  test.each([
    ['a private PEM key', rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['a private JWK', JSON.stringify(rsa.privateKey.export({ format: 'jwk' }))],
    ['a shared secret', JSON.stringify({ kty: 'oct', k: 'c2VjcmV0' })],
    ['an empty set', '{"keys":[]}'],
    ['broken JSON', '{"kty":'],
    ['JSON that is no key', '{"a":1}'],
    ['a JWK that is none', '{"kty":"RSA","n":"AQAB"}'],
    ['no key', 'hunter2'],
  ])('%s is refused, and not shown', (_name, text) => {
    const read = (): unknown => {
      try {
        return readLocalKeys(text);
      } catch (error) {
        return error;
      }
    };
    const error = read();
    expect(error).toMatchObject({
      code: 'config_invalid',
      hint: expect.stringContaining('CRUCIBLE_JWT_KEY'),
    });
    const piece = text.length > 60 ? text.slice(30, 60) : text;
    expect(shownOf(error)).not.toContain(piece);
  });
});
