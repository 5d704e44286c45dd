import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleEvent } from '../../router/testing/fake-services.ts';
import { ALL_PERMISSIONS } from '../access/permission.ts';
import type { Access } from '../access/access.ts';
import { STATUS } from './status.ts';
import { ADMIN_KEY, startServer } from './testing/start-server.ts';
import type { TestServer } from './testing/start-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.http.close(0));

const originOf = async (headers: Record<string, string>) => {
  const answer = await server.ask('POST', '/api/v1/events', { type: 'custom.a', payload: {} }, headers);
  return { answer, origin: server.calls.findLast((call) => call.name === 'events.publish')?.origin };
};

/** Bytes as they stand on the wire, both ways. */
const raw = async (url: string, text: string): Promise<string> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(text);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  await once(socket, 'close');
  return answer;
};

describe('credentials', () => {
  test.each(['', 'Bearer nonsense', 'Basic YTpi'])(
    '"%s" is 401, before the body is looked at',
    async (authorization) => {
      const answer = await server.ask('POST', '/api/v1/events', '{', { authorization });
      expect(answer).toMatchObject({
        status: 401,
        body: { code: 'unauthenticated', hint: expect.any(String) },
      });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    },
  );

  test('a key in the query string opens nothing', async () => {
    expect(
      (await server.ask('GET', `/api/v1/events?key=${ADMIN_KEY}`, undefined, { authorization: '' })).status,
    ).toBe(401);
  });

  test('a reader in one world reads that world only, and writes nothing', async () => {
    const access: Access = {
      authenticate: () =>
        Promise.resolve({
          id: 'key_1',
          actor: 'key:key_1',
          source: { kind: 'external', integration: 'test' },
          worlds: ['work'],
          permissions: new Set([...ALL_PERMISSIONS].filter((permission) => permission.endsWith(':read'))),
        }),
    };
    await using reader = await startServer({ access });
    expect(await reader.ask('POST', '/api/v1/events', { type: 'custom.a', payload: {} })).toMatchObject({
      status: 403,
      body: { code: 'forbidden', detail: expect.stringContaining('event:write') },
    });
    expect((await reader.ask('GET', `/api/v1/events/${sampleEvent.id}`)).status).toBe(404);
    expect((await reader.ask('GET', '/api/v1/hooks/a')).status).toBe(404);
    expect((await reader.ask('GET', '/api/v1/webhooks/whk_1/deliveries')).status).toBe(404);
    expect(await reader.ask('GET', '/api/v1/hooks')).toMatchObject({ status: 200, body: { data: [] } });
    expect(
      (await reader.ask('GET', '/api/v1/hooks', undefined, { 'x-crucible-world': 'default' })).status,
    ).toBe(403);
    const elsewhere = await reader.ask('GET', '/api/v1/events?world=default');
    expect(elsewhere).toMatchObject({ status: 200, body: { data: [], next_cursor: null } });
    expect(reader.calls.some((call) => call.name === 'events.query')).toBe(false);
    await reader.ask('GET', '/api/v1/events');
    expect(reader.calls.at(-1)).toMatchObject({ name: 'events.query', args: [{ worlds: ['work'] }] });
  });
});

describe('the origin of a request', () => {
  test('comes from the credentials and the headers', async () => {
    const { origin } = await originOf({ 'x-correlation-id': 'cor_mine', 'x-crucible-world': 'work' });
    expect(origin).toEqual({
      source: { kind: 'user', user_id: 'admin' },
      actor: 'user:admin',
      world: 'work',
      correlation_id: 'cor_mine',
      causation_id: null,
      depth: 0,
    });
  });

  test('the cause gives depth and story', async () => {
    const { origin } = await originOf({ 'x-crucible-causation-id': sampleEvent.id });
    expect(origin).toMatchObject({ causation_id: sampleEvent.id, depth: 4, correlation_id: 'cor_story' });
    const { answer } = await originOf({ 'x-crucible-causation-id': 'evt_unknown' });
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid' } });
  });

  test('a traceparent gives the story; a broken one counts as none', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    expect((await originOf({ traceparent: `00-${trace}-00f067aa0ba902b7-01` })).origin?.correlation_id).toBe(
      trace,
    );
    for (const broken of [
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      'nonsense',
      `ff-${trace}-00f067aa0ba902b7-01`,
    ]) {
      expect((await originOf({ traceparent: broken })).origin?.correlation_id).toMatch(/^cor_/);
    }
  });

  test('headers that cannot be ids are refused', async () => {
    expect((await originOf({ 'x-correlation-id': 'a b' })).answer.status).toBe(400);
    expect((await originOf({ 'x-correlation-id': 'x'.repeat(129) })).answer.status).toBe(400);
    expect((await originOf({ 'x-crucible-world': '../x' })).answer.status).toBe(400);
  });

  test('the request id is given back, or made', async () => {
    expect((await originOf({ 'x-request-id': 'mine-1' })).answer.headers.get('x-request-id')).toBe('mine-1');
    expect((await originOf({ 'x-request-id': '<script>' })).answer.headers.get('x-request-id')).toMatch(
      /^req_/,
    );
  });
});

describe('everything else on the port', () => {
  test.each([
    '/',
    '/nothing',
    '/api/v1',
    '/api/v1/',
    '/api/v1/nothing',
    '/api/v1/events/',
    '/api/v1//events',
    '/API/v1/events',
    '/api/v1/Events',
  ])('%s is a 404 problem', async (path) => {
    expect(await server.ask('GET', path)).toMatchObject({
      status: 404,
      body: { code: 'not_found', request_id: expect.any(String) },
    });
  });

  test('security headers are everywhere, and nothing names the framework', async () => {
    for (const path of ['/healthz', '/nothing', '/api/v1/hooks']) {
      const { headers } = await server.ask('GET', path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  test('what is not HTTP gets a problem all the same', async () => {
    expect(await raw(server.url, 'NONSENSE\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 .*application\/problem\+json.*malformed_request/s,
    );
    const huge = `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(server.url, huge)).toMatch(/^HTTP\/1\.1 431 .*payload_too_large/s);
    const path = await raw(server.url, 'GET /%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(path).toMatch(/^HTTP\/1\.1 40[04] .*application\/problem\+json/s);
    expect(path).not.toMatch(/node_modules|at .*\.js/);
  });

  test('TRACE and CONNECT are refused', async () => {
    expect(
      await raw(server.url, 'TRACE /api/v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    ).toMatch(/^HTTP\/1\.1 405 /);
  });

  test('every status is one that HTTP has', () => {
    for (const status of Object.values(STATUS)) expect(status).toBeGreaterThanOrEqual(400);
  });
});

describe('health', () => {
  test('healthz needs no key and says that the process lives', async () => {
    expect(await server.ask('GET', '/healthz', undefined, { authorization: '' })).toMatchObject({
      status: 200,
      body: { status: 'ok', version: '1.2.3' },
    });
    expect((await server.ask('POST', '/healthz')).status).toBe(405);
  });

  test('readyz tells each part, and is 503 while one cannot serve', async () => {
    await using own = await startServer();
    own.health.components = [
      { name: 'log', state: 'ready' },
      { name: 'temporal', state: 'degraded', detail: 'away' },
    ];
    expect(await own.ask('GET', '/readyz')).toMatchObject({
      status: 200,
      body: { status: 'ready', components: own.health.components },
    });
    own.health.components = [{ name: 'log', state: 'starting' }];
    expect(await own.ask('GET', '/readyz')).toMatchObject({ status: 503, body: { status: 'not_ready' } });
    own.http.drain();
    own.health.components = [];
    const draining = await own.ask('GET', '/readyz');
    expect(draining).toMatchObject({ status: 503, body: { status: 'stopping' } });
    expect(draining.headers.get('connection')).toBe('close');
    expect((await own.ask('GET', '/api/v1/hooks')).status).toBe(200);
  });
});

describe('stopping', () => {
  const gate = () => {
    let open = (): void => undefined;
    let reached = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const arrived = new Promise<void>((resolve) => (reached = resolve));
    return { open: () => open(), reached: () => reached(), opened, arrived };
  };
  const slow = async () => {
    const held = gate();
    const own = await startServer({
      services: {
        events: {
          publish: async () => [],
          get: async () => {
            held.reached();
            await held.opened;
            return sampleEvent;
          },
          query: async () => ({ data: [], next_cursor: null }),
          trace: async () => ({ data: [], next_cursor: null }),
        },
      },
    });
    return { own, held };
  };

  test('what is in flight is finished, new connections are refused, idle ones end', async () => {
    const { own, held } = await slow();
    const idle = connect(Number(new URL(own.url).port), '127.0.0.1');
    await once(idle, 'connect');
    const idleGone = once(idle, 'close');
    const inFlight = own.ask('GET', '/api/v1/events/x');
    await held.arrived;
    const closed = own.http.close(10_000);
    await expect(fetch(`${own.url}/healthz`)).rejects.toThrow('fetch failed');
    held.open();
    expect((await inFlight).status).toBe(200);
    await closed;
    await idleGone;
    await own.http.close(0);
  });

  test('what is in flight after the grace time is cut off', async () => {
    const { own, held } = await slow();
    const inFlight = own.ask('GET', '/api/v1/events/x').catch((error: unknown) => error);
    await held.arrived;
    await own.http.close(0);
    expect(await inFlight).toBeInstanceOf(TypeError);
    expect(own.logged.some((line) => line.message.includes('grace time'))).toBe(true);
    held.open();
  });

  test('a taken port is named', async () => {
    await using other = await startServer();
    const { port } = new URL(server.url);
    await other.http.close(0);
    await expect(other.http.listen({ host: '127.0.0.1', port: Number(port) })).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(port),
    });
  });
});
