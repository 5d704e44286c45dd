import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Access } from '../access/access.ts';
import { ALL_PERMISSIONS } from '../access/permission.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { RateRule, RateRules } from './rate-limit.ts';
import { startServer } from './testing/start-server.ts';
import type { TestServer } from './testing/start-server.ts';

const OFF: RateRules = {
  ip: undefined,
  authFailures: undefined,
  read: undefined,
  write: undefined,
  execute: undefined,
};
const perMinute = (perWindow: number, burst = 0): RateRule => ({ perWindow, windowMs: 60_000, burst });

/** Keys `a`, `b`, …: each a principal of its own. */
const access: Access = {
  authenticate(authorization) {
    const [, key = ''] = /^Bearer (\w)$/.exec(authorization ?? '') ?? [];
    if (key === '')
      return Promise.reject(new CrucibleError('unauthenticated', 'The credentials are not valid'));
    return Promise.resolve({
      id: `key_${key}`,
      actor: `key:key_${key}`,
      source: { kind: 'external', integration: 'test' },
      worlds: undefined,
      permissions: ALL_PERMISSIONS,
    });
  },
};

const EVENT = { type: 'custom.a', payload: {} };
const start = (rates: Partial<RateRules>, trustProxy?: number | readonly string[]): Promise<TestServer> =>
  startServer({ access, admission: { trustProxy, corsOrigins: [], rates: { ...OFF, ...rates } } });

const read = (server: TestServer, key: string, headers: Record<string, string> = {}) =>
  server.ask('GET', '/api/v1/events', undefined, { authorization: `Bearer ${key}`, ...headers });
const write = (server: TestServer, key: string) =>
  server.ask('POST', '/api/v1/events', EVENT, { authorization: `Bearer ${key}` });
const statuses = async (count: number, ask: () => Promise<{ status: number }>): Promise<number[]> => {
  const all: number[] = [];
  for (let i = 0; i < count; i += 1) all.push((await ask()).status);
  return all;
};

// The library reads the time from Date; timers and sockets stay real.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 24) });
});
afterEach(() => {
  vi.useRealTimers();
});
const pass = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

describe('per key', () => {
  test('limit + 1 is 429 with a true Retry-After; other keys and classes are unaffected', async () => {
    await using server = await start({ read: perMinute(3) });
    expect(await statuses(3, () => read(server, 'a'))).toEqual([200, 200, 200]);
    pass(10_000);
    const refused = await read(server, 'a');
    expect(refused).toMatchObject({
      status: 429,
      body: {
        code: 'rate_limited',
        detail: 'Too many reads with these credentials',
        hint: expect.any(String),
      },
    });
    expect(refused.headers.get('retry-after')).toBe('50');
    expect((await read(server, 'b')).status).toBe(200);
    expect((await write(server, 'a')).status).toBe(201);
    pass(49_999);
    expect((await read(server, 'a')).status).toBe(429);
    pass(1);
    expect((await read(server, 'a')).status).toBe(200);
  });

  test('each class counts for itself, by what the route needs', async () => {
    await using server = await start({ read: perMinute(100), write: perMinute(2), execute: perMinute(1) });
    expect(await statuses(3, () => write(server, 'a'))).toEqual([201, 201, 429]);
    const replay = () =>
      server.ask('DELETE', '/api/v1/webhooks/whk_1', undefined, { authorization: 'Bearer b' });
    expect(await statuses(3, replay)).toEqual([204, 204, 429]);
    expect((await read(server, 'a')).status).toBe(200);
  });

  test('a burst goes on past the limit, and not for ever', async () => {
    await using server = await start({ read: perMinute(2, 3) });
    expect(await statuses(6, () => read(server, 'a'))).toEqual([200, 200, 200, 200, 200, 429]);
    pass(60_000);
    expect(await statuses(3, () => read(server, 'a'))).toEqual([200, 200, 429]);
    pass(540_000);
    expect(await statuses(6, () => read(server, 'a'))).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test('answers say what applies and what is left', async () => {
    await using server = await start({ ip: perMinute(100), read: perMinute(3) });
    const { headers } = await read(server, 'a');
    expect(headers.get('ratelimit-policy')).toBe('"ip";q=100;w=60, "read";q=3;w=60');
    expect(headers.get('ratelimit')).toBe('"ip";r=99;t=60, "read";r=2;t=60');
    await statuses(2, () => read(server, 'a'));
    pass(59_500);
    expect((await read(server, 'a')).headers.get('ratelimit')).toBe('"ip";r=96;t=1, "read";r=0;t=1');
  });

  test('an unlimited server says nothing of limits', async () => {
    await using server = await start({});
    expect((await read(server, 'a')).headers.get('ratelimit')).toBeNull();
  });
});

describe('per address, before credentials', () => {
  test('limit + 1 is 429, with and without credentials; health does not count', async () => {
    await using server = await start({ ip: perMinute(3) });
    const anonymous = () => server.ask('GET', '/api/v1/events', undefined, { authorization: '' });
    expect(await statuses(3, anonymous)).toEqual([401, 401, 401]);
    const refused = await read(server, 'a');
    expect(refused).toMatchObject({ status: 429, body: { detail: 'Too many requests from this address' } });
    expect(refused.headers.get('retry-after')).toBe('60');
    expect((await server.ask('GET', '/api/v1/nothing')).status).toBe(429);
    expect((await server.ask('GET', '/healthz')).status).toBe(200);
    expect((await server.ask('GET', '/readyz')).status).toBe(200);
  });

  test('X-Forwarded-For counts only behind a trusted proxy', async () => {
    const from = (address: string) => ({ 'x-forwarded-for': address });
    await using open = await start({ ip: perMinute(2) });
    let n = 0;
    expect(await statuses(3, () => read(open, 'a', from(`192.0.2.${(n += 1)}`)))).toEqual([200, 200, 429]);

    await using behind = await start({ ip: perMinute(1) }, 1);
    expect((await read(behind, 'a', from('192.0.2.1'))).status).toBe(200);
    expect((await read(behind, 'a', from('192.0.2.2'))).status).toBe(200);
    expect((await read(behind, 'a', from('192.0.2.1'))).status).toBe(429);
    // What the client itself puts before the proxy's word is not believed.
    expect((await read(behind, 'a', from('198.51.100.9, 192.0.2.2'))).status).toBe(429);
    // One holder has all addresses of a /64.
    expect((await read(behind, 'a', from('2001:db8::1'))).status).toBe(200);
    expect((await read(behind, 'a', from('2001:db8::2'))).status).toBe(429);

    await using other = await start({ ip: perMinute(1) }, ['10.0.0.0/8']);
    expect((await read(other, 'a', from('192.0.2.1'))).status).toBe(200);
    expect((await read(other, 'a', from('192.0.2.2'))).status).toBe(429);
  });

  test('failed credentials have a limit of their own, which keeps no good ones out', async () => {
    await using server = await start({ authFailures: perMinute(2) });
    const bad = () => server.ask('GET', '/api/v1/events', undefined, { authorization: 'Bearer wrong' });
    expect(await statuses(4, bad)).toEqual([401, 401, 429, 429]);
    expect((await read(server, 'a')).status).toBe(200);
    expect((await bad()).headers.get('retry-after')).toBe('60');
    pass(60_000);
    expect((await bad()).status).toBe(401);
  });
});

describe('a tRPC batch', () => {
  const inputs = (calls: number): string =>
    encodeURIComponent(JSON.stringify(Object.fromEntries(Array.from({ length: calls }, (_, i) => [i, {}]))));
  const batch = (server: TestServer, calls: number, separator = ',') =>
    server.ask(
      'GET',
      `/trpc/${Array.from({ length: calls }, () => 'events.list').join(separator)}?batch=1&input=${inputs(calls)}`,
      undefined,
      { authorization: 'Bearer a' },
    );

  test.each([',', '%2C', '%2c'])('counts each call (parted by %s)', async (separator) => {
    await using server = await start({ read: perMinute(10) });
    expect((await batch(server, 4, separator)).status).toBe(200);
    expect((await batch(server, 6, separator)).headers.get('ratelimit')).toBe('"read";r=0;t=60');
    const refused = await batch(server, 1);
    expect(refused).toMatchObject({
      status: 429,
      body: { error: { data: { code: 'rate_limited', httpStatus: 429, retry_after_ms: 60_000 } } },
    });
    expect(refused.headers.get('retry-after')).toBe('60');
    expect((await read(server, 'a')).status).toBe(429);
    expect((await read(server, 'b')).status).toBe(200);
  });

  test('counts each call of an address too', async () => {
    await using server = await start({ ip: perMinute(5) });
    expect((await batch(server, 5)).status).toBe(200);
    expect((await batch(server, 1)).status).toBe(429);
  });

  test('that could never pass is told so', async () => {
    await using server = await start({ read: perMinute(3) });
    expect(await batch(server, 4)).toMatchObject({
      status: 429,
      body: { error: { data: { hint: expect.stringContaining('3 calls at most') } } },
    });
  });

  test.each([',', '%2C'])(
    'with an idempotency key is refused, however it is parted (%s)',
    async (separator) => {
      await using server = await start({});
      const answer = await server.ask(
        'POST',
        `/trpc/events.publish${separator}events.publish?batch=1`,
        {},
        {
          authorization: 'Bearer a',
          'idempotency-key': 'k',
        },
      );
      expect(answer).toMatchObject({ status: 400, body: { error: { data: { code: 'malformed_request' } } } });
      expect(server.calls).toEqual([]);
    },
  );
});
