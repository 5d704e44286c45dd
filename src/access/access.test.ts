import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAccess } from './access.ts';
import { loadAdminKey } from './admin-key-file.ts';
import { generateKey, parseKey } from './key-format.ts';
import { ALL_PERMISSIONS } from './permission.ts';
import { assertPermitted, worldScope } from './principal.ts';
import type { Principal } from './principal.ts';

const error = async (work: () => unknown): Promise<unknown> => {
  try {
    await work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
};

test('nobody is let in while another process may write', async () => {
  const adminKey = 'a'.repeat(32);
  let lapsed = true;
  const access = createAccess({ adminKey, lapsed: () => lapsed });
  expect(await error(() => access.authenticate(`Bearer ${adminKey}`))).toMatchObject({
    code: 'log_unavailable',
    retryAfterMs: 1_000,
  });
  lapsed = false;
  await expect(access.authenticate(`Bearer ${adminKey}`)).resolves.toMatchObject({ id: 'admin' });
});

describe('keys', () => {
  test('a fresh key has the documented form and parses', () => {
    const key = generateKey(randomBytes);
    expect(key).toMatch(/^crk_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
    expect(parseKey(key)?.secret).toHaveLength(43);
    expect(generateKey(randomBytes)).not.toBe(key);
  });

  test('a key with any one character changed or cut off does not parse', () => {
    const key = generateKey(randomBytes);
    fc.assert(
      fc.property(fc.nat(key.length - 5), fc.constantFrom('a', 'Z', '0', '_', 'é'), (offset, other) => {
        const at = offset + 4;
        fc.pre(key.charAt(at) !== other);
        expect(parseKey(key.slice(0, at) + other + key.slice(at + 1))).toBeUndefined();
        expect(parseKey(key.slice(0, at))).toBeUndefined();
      }),
    );
  });

  test('bytes that would favour some characters are not used', () => {
    let calls = 0;
    const key = generateKey((size) => {
      calls += 1;
      return new Uint8Array(size).fill(calls === 1 ? 255 : 61);
    });
    expect(key.slice(4, 16)).toBe('z'.repeat(12));
  });
});

describe('authenticate', () => {
  const adminKey = generateKey(randomBytes);
  const access = createAccess({ adminKey });

  test('the admin key opens everything', async () => {
    const principal = await access.authenticate(`Bearer ${adminKey}`);
    expect(principal.permissions).toEqual(ALL_PERMISSIONS);
    expect(principal.worlds).toBeUndefined();
    expect((await access.authenticate(`bearer  ${adminKey}`)).id).toBe('admin');
  });

  test('a key given from outside needs no form, only length', async () => {
    const given = 'correct horse battery staple, 32+'.replaceAll(' ', '-');
    await expect(createAccess({ adminKey: given }).authenticate(`Bearer ${given}`)).resolves.toMatchObject({
      id: 'admin',
    });
    expect(() => createAccess({ adminKey: 'x'.repeat(31) })).toThrow(/shorter than 32/);
  });

  test.each([
    ['nothing', undefined, /no credentials/],
    ['an empty header', '', /no credentials/],
    ['basic', `Basic ${Buffer.from('a:b').toString('base64')}`, /bearer token/],
    ['the bare key', adminKey, /bearer token/],
    ['two tokens', `Bearer ${adminKey} ${adminKey}`, /bearer token/],
    ['another valid key', `Bearer ${generateKey(randomBytes)}`, /not valid/],
    [
      'a key with a wrong checksum',
      `Bearer ${adminKey.slice(0, -1)}${adminKey.endsWith('a') ? 'b' : 'a'}`,
      /checksum/,
    ],
    ['a longer key', `Bearer ${adminKey}x`, /checksum/],
    ['an unsigned JWT', 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.', /not valid/],
  ])('%s is refused, and the answer repeats no key', async (_name, header, message) => {
    const thrown = await error(() => access.authenticate(header));
    expect(thrown).toMatchObject({ code: 'unauthenticated', message: expect.stringMatching(message) });
    expect(JSON.stringify(thrown)).not.toContain(adminKey.slice(4, 30));
  });
});

describe('worlds and permissions', () => {
  const principal: Principal = {
    id: 'key_1',
    actor: 'key:key_1',
    source: { kind: 'external', integration: 'test' },
    worlds: ['home', 'work'],
    permissions: new Set(['event:read']),
  };

  test('without a header: the first world is written, all of its worlds are seen', () => {
    expect(worldScope(principal, undefined)).toEqual({ world: 'home', visible: ['home', 'work'] });
    expect(worldScope({ ...principal, worlds: undefined }, undefined)).toEqual({
      world: 'default',
      visible: undefined,
    });
  });

  test('a named world narrows, and cannot widen', async () => {
    expect(worldScope(principal, 'work')).toEqual({ world: 'work', visible: ['work'] });
    expect(await error(() => worldScope(principal, 'other'))).toMatchObject({ code: 'forbidden' });
    expect(await error(() => worldScope(principal, 'a b'))).toMatchObject({ code: 'malformed_request' });
  });

  test('a missing permission is named', async () => {
    expect(() => assertPermitted(principal, 'event:read')).not.toThrow();
    expect(await error(() => assertPermitted(principal, 'event:write'))).toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('event:write'),
    });
  });
});

describe('the admin key file', () => {
  let dir = '';
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'crucible-key-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('is made once, readable by its owner alone, and read from then on', async () => {
    const path = join(dir, 'data', 'admin.key');
    const first = await loadAdminKey({ given: undefined, path, random: randomBytes });
    expect(first.generated).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await readFile(path, 'utf8')).trim()).toBe(first.key);
    expect(await loadAdminKey({ given: undefined, path, random: randomBytes })).toEqual({
      key: first.key,
      generated: false,
    });
  });

  test('processes that start at once agree on one key', async () => {
    const path = join(dir, 'admin.key');
    const keys = await Promise.all(
      Array.from({ length: 8 }, () => loadAdminKey({ given: undefined, path, random: randomBytes })),
    );
    expect(keys.filter((key) => key.generated)).toHaveLength(1);
    expect(new Set(keys.map((key) => key.key)).size).toBe(1);
  });

  test('a given key is used and not written; a broken file is refused', async () => {
    const path = join(dir, 'admin.key');
    const given = 'x'.repeat(40);
    expect(await loadAdminKey({ given, path, random: randomBytes })).toEqual({
      key: given,
      generated: false,
    });
    await expect(stat(path)).rejects.toThrow('ENOENT');
    await writeFile(path, 'short\n');
    expect(await error(() => loadAdminKey({ given: undefined, path, random: randomBytes }))).toMatchObject({
      code: 'config_invalid',
    });
  });
});
