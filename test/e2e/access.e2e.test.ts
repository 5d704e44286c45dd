import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE, startIssuer, type TestIssuer } from '../support/issuer.ts';
import { restOf } from '../support/rest.ts';
import { startServer, TEST_KEY } from '../support/server-process.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Access as an administrator sets it up: by variables, on the whole server, over a restart. */

let issuer: TestIssuer;
let stack: Stack;
beforeAll(async () => {
  issuer = await startIssuer();
  stack = await startStack({
    CRUCIBLE_LOG_LEVEL: 'info',
    CRUCIBLE_JWT_ISSUER: issuer.url,
    CRUCIBLE_JWT_AUDIENCE: AUDIENCE,
    CRUCIBLE_RATE_LIMIT_AUTH_FAILURES: '3/h',
    CRUCIBLE_CORS_ORIGINS: 'https://app.example.org',
  });
});
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

describe('access', () => {
  it('takes a token of the configured issuer', async () => {
    const alice = restOf(stack.server.url, await issuer.token());
    const { status, body } = await alice('POST', '/events', { type: 'custom.hello', payload: {} });
    expect(status).toBe(201);
    const event = await alice('GET', `/events/${body.data[0].id}`);
    expect(event.body.actor).toBe('user:alice');
  });

  it('tells an address that fails again and again to wait, and lets good keys of it in', async () => {
    const wrong = restOf(stack.server.url, 'not-a-key-not-a-key-not-a-key-not-a-key');
    const statuses: number[] = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await wrong('GET', '/events')).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    const refused = await wrong('GET', '/events');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000);
    expect((await stack.rest('GET', '/events')).status).toBe(200);
  });

  it('answers the configured page only', async () => {
    const allowed = async (origin: string) =>
      (await stack.rest('GET', '/events', undefined, { origin })).headers.get('access-control-allow-origin');
    expect(await allowed('https://app.example.org')).toBe('https://app.example.org');
    expect(await allowed('https://other.example.org')).toBeNull();
  });

  it('remembers keys and revocations over a kill, and writes no key into the log', async () => {
    const make = async (name: string) =>
      (await stack.rest('POST', '/keys', { name, role: 'reader' })).body as { id: string; key: string };
    const [kept, gone] = [await make('kept'), await make('gone')];
    const used = async (): Promise<unknown> => {
      const { body } = await stack.rest('GET', '/keys');
      return body.data.find(({ id }: { id: string }) => id === kept.id)?.last_used_at;
    };
    expect(await used()).toBeNull();
    expect((await restOf(stack.server.url, kept.key)('GET', '/events')).status).toBe(200);
    await expect.poll(used).toEqual(expect.stringMatching(/^20/));
    await restOf(stack.server.url, kept.key)('GET', `/events?key=${gone.key}`);
    expect((await stack.rest('DELETE', `/keys/${gone.id}`)).status).toBe(204);

    await stack.server.kill();
    const first = stack.server.stderr();
    await using again = await startServer({
      dataDir: stack.dir,
      temporal: stack.temporal,
      env: { CRUCIBLE_LOG_LEVEL: 'debug' },
    });
    expect((await restOf(again.url, kept.key)('GET', '/events')).status).toBe(200);
    const refused = await restOf(again.url, gone.key)('GET', '/events');
    expect([refused.status, refused.body.detail]).toEqual([401, 'The API key was revoked']);
    await again.stop();

    const log = first + again.stderr();
    expect(log).toContain(`"principal_id":"${kept.id}"`);
    expect(log).toContain('"path":"/api/v1/events"');
    for (const secret of [TEST_KEY, kept.key.slice(20), gone.key.slice(20), 'authorization', 'Bearer'])
      expect(log).not.toContain(secret);
  });
});
