import { describe, expect, test } from 'vitest';
import { startServer } from './testing/start-server.ts';
import type { TestServer } from './testing/start-server.ts';

const APP = 'https://app.example.org';
const rates = {
  ip: undefined,
  authFailures: undefined,
  read: undefined,
  write: undefined,
  execute: undefined,
};
const start = (corsOrigins: readonly string[]): Promise<TestServer> =>
  startServer({ admission: { trustProxy: undefined, corsOrigins, rates } });

const corsHeaders = (headers: Headers): readonly string[] =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-'));

const preflight = (server: TestServer, origin: string) =>
  server.ask('OPTIONS', '/api/v1/events', undefined, {
    origin,
    authorization: '',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,idempotency-key',
  });

describe('pages of other origins', () => {
  test('get nothing by default', async () => {
    await using server = await start([]);
    const answer = await server.ask('GET', '/api/v1/hooks', undefined, { origin: APP });
    expect(answer.status).toBe(200);
    expect(corsHeaders(answer.headers)).toEqual([]);
    const asked = await preflight(server, APP);
    expect(corsHeaders(asked.headers)).toEqual([]);
  });

  test('may call where they are named, also when the answer is an error', async () => {
    await using server = await start([APP]);
    const asked = await preflight(server, APP);
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-origin')).toBe(APP);
    expect(asked.headers.get('access-control-allow-headers')).toContain('Idempotency-Key');
    expect(asked.headers.get('access-control-allow-credentials')).toBeNull();
    for (const path of ['/api/v1/hooks', '/trpc/hooks.list?input=%7B%7D', '/api/v1/hooks/unknown']) {
      const { headers } = await server.ask('GET', path, undefined, { origin: APP });
      expect(headers.get('access-control-allow-origin')).toBe(APP);
      expect(headers.get('access-control-expose-headers')).toContain('Retry-After');
      expect(headers.get('cache-control')).toBe('no-store');
    }
    const refused = await server.ask('GET', '/api/v1/hooks', undefined, { origin: APP, authorization: '' });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, APP]);
  });

  test.each([
    'https://evil.example.org',
    `${APP}.evil.example.org`,
    'http://app.example.org',
    'https://app.example.org:444',
    'HTTPS://APP.EXAMPLE.ORG',
    'null',
  ])('%s is not the named one', async (origin) => {
    await using server = await start([APP]);
    for (const answer of [
      await preflight(server, origin),
      await server.ask('GET', '/api/v1/hooks', undefined, { origin }),
    ]) {
      expect(corsHeaders(answer.headers)).toEqual([]);
      expect(answer.headers.get('vary')).toContain('Origin');
    }
  });

  test('any may call where * is configured, but no file and no sandboxed frame', async () => {
    await using server = await start(['*']);
    const origin = 'https://anything.example';
    const { headers } = await server.ask('GET', '/api/v1/hooks', undefined, { origin });
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    const ofFile = await server.ask('GET', '/api/v1/hooks', undefined, { origin: 'null' });
    expect(corsHeaders(ofFile.headers)).toEqual([]);
  });
});
