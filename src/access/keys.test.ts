import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CrucibleError } from '../kernel/errors.ts';
import { withOrigin } from '../kernel/context.ts';
import { newId } from '../kernel/ids.ts';
import { silentLogger as logger } from '../kernel/logger.ts';
import { userOrigin } from '../kernel/testing/user-origin.ts';
import { createLog, idleReactor } from '../log/create-log.ts';
import type { Log } from '../log/log.ts';
import { createMemoryDisk, createMemoryStore } from '../log/memory-store.ts';
import { createAccess } from './access.ts';
import type { Access } from './access.ts';
import { generateKey } from './key-format.ts';
import { openKeyRing } from './key-ring.ts';
import type { KeyRing } from './key-ring.ts';
import { KEY_TABLE } from './key-row.ts';
import { createKeyService } from './keys.ts';
import type { KeyMaker, KeyService, NewKey } from './keys.ts';
import { createLastUse } from './last-use.ts';

const ADMIN_KEY = 'an-admin-key-of-thirty-two-characters-or-more';
const origin = userOrigin('admin');

let disk = createMemoryDisk();
let now = 1_000_000;
let log: Log;
let ring: KeyRing;
let access: Access;
let keys: KeyService;
let used: Promise<unknown>[] = [];

const open = async (): Promise<void> => {
  log = await createLog({
    store: createMemoryStore({ tables: [KEY_TABLE], disk }),
    reactor: idleReactor,
    clock: { now: () => now },
    logger,
    upcast: (event) => event,
  });
  ring = await openKeyRing({ log, now: () => now, logger });
  const lastUse = createLastUse({
    log: {
      append: (request) => {
        const written = log.append(request);
        used.push(written.catch(() => undefined));
        return written;
      },
    },
    now: () => now,
    logger,
  });
  access = createAccess({ adminKey: ADMIN_KEY, keys: ring, used: lastUse });
  keys = createKeyService({ log, ring, now: () => now, newId, random: randomBytes, logger });
};
beforeEach(async () => {
  disk = createMemoryDisk();
  now = 1_000_000;
  used = [];
  await open();
});
afterEach(async () => {
  ring.close();
  await log.close();
});

const maker = async (key = ADMIN_KEY, worlds?: readonly string[]): Promise<KeyMaker> => {
  const principal = await access.authenticate(`Bearer ${key}`);
  return { principal, worlds: worlds ?? principal.worlds };
};
const create = async (input: NewKey, by = ADMIN_KEY, options = {}) =>
  withOrigin(origin, async () => keys.create(input, await maker(by), options));
const made = async (input: NewKey, by = ADMIN_KEY): Promise<{ id: string; key: string }> => {
  const { view, key } = await create(input, by);
  if (key === null) throw new Error('no key was given');
  return { id: view.id, key };
};
const revoke = async (id: string, by = ADMIN_KEY) =>
  withOrigin(origin, async () => keys.revoke(id, await maker(by)));
const principalOf = (key: string) => access.authenticate(`Bearer ${key}`);

describe('a key', () => {
  test('opens what its role and scopes say, in its worlds, under its own name', async () => {
    const { id, key } = await made({ name: 'ci', role: 'editor', scopes: ['event:*'], worlds: ['b', 'a'] });
    expect(key).toContain(id.slice(4));
    expect(await principalOf(key)).toMatchObject({
      id,
      actor: `key:${id}`,
      source: { kind: 'external', integration: 'ci' },
      worlds: ['b', 'a'],
      permissions: new Set(['event:read', 'event:write', 'event:delete', 'event:execute']),
    });
  });

  test('bound to an agent speaks as that agent', async () => {
    const { key } = await made({ name: 'bot', role: 'agent', agent: 'web-search' });
    expect(await principalOf(key)).toMatchObject({
      actor: 'agent:web-search',
      source: { kind: 'agent', agent_id: 'web-search' },
    });
  });

  test('is nowhere in the store: only its hash is', async () => {
    const { key } = await made({ name: 'ci', role: 'reader' });
    const stored = JSON.stringify([...disk.tables.values()].flatMap((rows) => Array.from(rows.values())));
    const events = JSON.stringify([...disk.commits.values()]);
    const secret = key.split('_')[2] ?? '';
    expect(secret).toHaveLength(43);
    expect(stored + events).not.toContain(secret);
    expect(stored).toContain('hash');
  });

  test('is known again after a restart', async () => {
    const first = await made({ name: 'ci', role: 'reader' });
    const second = await made({ name: 'old', role: 'reader' });
    await revoke(second.id);
    ring.close();
    await log.close();
    await open();
    expect(await principalOf(first.key)).toMatchObject({ id: first.id });
    await expect(principalOf(second.key)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: /revoked/,
    });
  });

  test('ends at its time, to the millisecond', async () => {
    const { key } = await made({ name: 'ci', role: 'reader', expires_at: now + 1000 });
    now += 999;
    expect(await principalOf(key)).toMatchObject({ expiresAt: now + 1 });
    now += 1;
    await expect(principalOf(key)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining('expired'),
    });
  });

  test('is dead when its revocation is acknowledged, and whoever holds a connection is told', async () => {
    const { id, key } = await made({ name: 'ci', role: 'reader' });
    const told: string[] = [];
    access.onRevoked?.((principal) => told.push(principal));
    const acknowledged = revoke(id).then(() => principalOf(key));
    await expect(acknowledged).rejects.toMatchObject({ message: expect.stringContaining('revoked') });
    expect(told).toEqual([id]);
    await expect(revoke(id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('is dead on a server that follows the log by its events, also when it cannot be read there', async () => {
    const keys = [
      await made({ name: 'a', role: 'reader' }),
      await made({ name: 'b', role: 'reader' }),
    ] as const;
    let readable = true;
    const follower = await openKeyRing({
      log: {
        records: {
          list: (table, page) => log.records.list(table, page),
          get: (table, id) => (readable ? log.records.get(table, id) : Promise.reject(new Error('away'))),
        },
        onCommit: (listener) => log.onCommit(({ events }) => listener({ events, changed: [] })),
      },
      now: () => now,
      logger,
    });
    for (const { id, key } of keys) {
      expect(follower.authenticate(key)).toMatchObject({ id });
      await revoke(id);
      await vi.waitFor(() => expect(() => follower.authenticate(key)).toThrow(CrucibleError));
      readable = false;
    }
    readable = true;
    const late = await made({ name: 'c', role: 'reader' });
    await vi.waitFor(() => expect(follower.authenticate(late.key)).toMatchObject({ id: late.id }));
    follower.close();
  });

  test('with another secret or an unknown id is not valid, and nothing more is said', async () => {
    const { key } = await made({ name: 'ci', role: 'reader' });
    const id = key.split('_')[1] ?? '';
    let forged = '';
    // A forger who knows the form: another secret, with the checksum that belongs to it.
    const other = generateKey((size) => new Uint8Array(size).fill(7));
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const secret = other.split('_')[2] ?? '';
    let rest = createHash('sha256').update(`crk_${id}_${secret}`).digest().readUIntBE(0, 6);
    for (let i = 0; i < 6; i += 1) {
      forged += digits.charAt(rest % 62);
      rest = Math.floor(rest / 62);
    }
    for (const wrong of [`crk_${id}_${secret}_${forged}`, other])
      await expect(principalOf(wrong)).rejects.toMatchObject({ message: 'The credentials are not valid' });
  });
});

describe('who makes a key', () => {
  test('gives no more than it holds: permissions, worlds, time, agent', async () => {
    const scopes = ['key:*', 'event:read', 'hook:read:notify'];
    const parent = await made({
      name: 'p',
      role: 'admin',
      scopes,
      worlds: ['a', 'b'],
      expires_at: now + 1000,
    });
    const refused = async (input: NewKey, path: string) => {
      await expect(create(input, parent.key)).rejects.toMatchObject({
        code: 'forbidden',
        issues: [expect.objectContaining({ path })],
      });
    };
    const fits = { name: 'c', role: 'admin', scopes: ['event:read'] } as const;
    await refused({ name: 'c', role: 'reader' }, 'role');
    await refused({ ...fits, scopes: ['event:write'] }, 'scopes');
    await refused({ ...fits, scopes: ['hook:read'] }, 'scopes');
    await refused({ ...fits, scopes: ['hook:read:other'] }, 'scopes');
    await refused({ ...fits, worlds: ['a', 'c'] }, 'worlds');
    await refused({ ...fits, expires_at: now + 1001 }, 'expires_at');
    const { view } = await create({ ...fits, scopes: ['hook:read:notify', 'event:read'] }, parent.key);
    expect(view).toMatchObject({ worlds: ['a', 'b'], expires_at: now + 1000, created_by: parent.id });
  });

  test('bound to an agent makes keys for that agent only', async () => {
    const { id, key } = await made({ name: 'p', role: 'agent', agent: 'a' });
    const row = ring.get(id);
    expect(row?.agent).toBe('a');
    const { principal } = await maker(key);
    const able: KeyMaker = {
      principal: { ...principal, permissions: new Set(['key:write', 'event:read']) },
      worlds: undefined,
    };
    const child = (agent: string) =>
      withOrigin(origin, () =>
        keys.create({ name: 'c', role: 'agent', scopes: ['event:read'], agent }, able),
      );
    await expect(child('b')).rejects.toMatchObject({ issues: [{ path: 'agent' }] });
    expect((await child('a')).view.agent).toBe('a');
  });

  test('sees and revokes no key that opens another world', async () => {
    const inA = await made({ name: 'a', role: 'reader', worlds: ['a'] });
    const inB = await made({ name: 'ab', role: 'reader', worlds: ['a', 'b'] });
    const everywhere = await made({ name: 'all', role: 'reader' });
    const ofA = await made({ name: 'm', role: 'admin', worlds: ['a'] });
    const seen = await keys.list(await maker(ofA.key), { limit: 10 });
    expect(seen.map(({ id }) => id).sort()).toEqual([inA.id, ofA.id].sort());
    for (const { id } of [inB, everywhere])
      await expect(revoke(id, ofA.key)).rejects.toMatchObject({ code: 'not_found' });
    await revoke(inA.id, ofA.key);
  });

  test('is told everything that is wrong at once', async () => {
    await expect(
      create({
        name: 'x',
        role: 'reader',
        scopes: ['event:read', 'event:write', 'nonsense'],
        worlds: ['a b'],
        agent: 'bot',
        expires_at: now,
      }),
    ).rejects.toMatchObject({
      code: 'invalid',
      issues: [
        { path: 'scopes.1' },
        { path: 'scopes.2' },
        { path: 'worlds.0' },
        { path: 'agent' },
        { path: 'expires_at' },
      ],
    });
  });

  test('gets the same answer without the key for a repeat under its idempotency key', async () => {
    const idempotency = { scope: 's', key: 'k', hash: 'h' };
    const first = await create({ name: 'x', role: 'reader' }, ADMIN_KEY, { idempotency });
    const second = await create({ name: 'x', role: 'reader' }, ADMIN_KEY, { idempotency });
    expect(second).toEqual({ view: first.view, key: null });
    expect(await keys.list(await maker(), { limit: 10 })).toHaveLength(1);
  });

  test('is told of in the log: who, when, which, and never what', async () => {
    const { id, key } = await made({ name: 'x', role: 'reader' });
    await revoke(id);
    const { data } = await log.query({ types: ['system.config_changed'], order: 'asc' });
    expect(data).toMatchObject([
      { actor: 'user:admin', subject: id, payload: { component: 'access', keys: [`keys.${id}`] } },
      { subject: id },
    ]);
    expect(JSON.stringify(data)).not.toContain(key);
  });
});

test('pages of keys go on where the one before ended', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) await made({ name, role: 'reader' });
  const seen: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await keys.list(await maker(), { limit: 2, ...(after === undefined ? {} : { after }) });
    seen.push(...page.map(({ id }) => id));
    after = page.at(-1)?.id;
    if (page.length < 2) break;
  }
  expect(seen).toHaveLength(5);
  expect(seen).toEqual([...new Set(seen)].sort());
});

describe('last use', () => {
  const lastUse = (id: string) => ring.get(id)?.last_used_at;

  test('is written at most once a minute, and nobody waits for it', async () => {
    const { id, key } = await made({ name: 'x', role: 'reader' });
    const start = now;
    await Promise.all(Array.from({ length: 50 }, () => principalOf(key)));
    await Promise.all(used);
    expect([used.length, lastUse(id)]).toEqual([1, start]);
    now += 59_999;
    await principalOf(key);
    expect(used).toHaveLength(1);
    now += 1;
    await principalOf(key);
    await Promise.all(used);
    expect([used.length, lastUse(id)]).toEqual([2, start + 60_000]);
  });

  test('survives a restart, and a clock that jumps back', async () => {
    const { id, key } = await made({ name: 'x', role: 'reader' });
    await principalOf(key);
    await Promise.all(used);
    ring.close();
    await log.close();
    await open();
    await principalOf(key);
    expect(used).toHaveLength(1);
    now -= 3_600_000;
    await principalOf(key);
    await Promise.all(used);
    expect([used.length, lastUse(id)]).toEqual([2, now]);
  });

  test('of a key that is being revoked does not bring it back', async () => {
    const { id, key } = await made({ name: 'x', role: 'reader' });
    const revoked = revoke(id);
    await principalOf(key);
    await revoked;
    await Promise.all(used);
    await expect(principalOf(key)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(ring.get(id)?.revoked_at).toBe(now);
  });
});
