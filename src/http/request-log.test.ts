import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { generateKey } from '../access/key-format.ts';
import type { Logger } from '../kernel/logger.ts';
import { withoutCredentials } from './request-log.ts';
import { ADMIN_KEY, startServer } from './testing/start-server.ts';
import type { TestServer } from './testing/start-server.ts';

const lines = (server: TestServer) =>
  server.logged.filter(({ message }) => message === 'request').map(({ fields }) => fields);

describe('the log of requests', () => {
  test('one line each: what was asked, by whom, what came of it', async () => {
    await using server = await startServer();
    const answer = await server.ask('GET', '/api/v1/hooks?limit=5');
    await server.ask('POST', '/api/v1/events', { type: 'custom.a' });
    await server.ask('GET', '/api/v1/hooks', undefined, { authorization: '' });
    await server.ask('GET', '/trpc/hooks.list?input=%7B%7D');
    await server.ask('GET', '/nothing');
    await server.http.close(1000);
    expect(lines(server)).toMatchObject([
      {
        request_id: answer.headers.get('x-request-id'),
        method: 'GET',
        path: '/api/v1/hooks',
        status: 200,
        duration_ms: expect.any(Number),
        principal_id: 'admin',
      },
      { method: 'POST', path: '/api/v1/events', status: 422, principal_id: 'admin' },
      { status: 401 },
      { path: '/trpc/hooks.list', status: 200, principal_id: 'admin' },
      { path: '/nothing', status: 404 },
    ]);
    expect(lines(server)[2]).not.toHaveProperty('principal_id');
    expect(JSON.stringify(lines(server))).not.toContain('limit=5');
  });

  test('health is asked too often to be logged', async () => {
    await using server = await startServer();
    await server.ask('GET', '/healthz');
    await server.ask('GET', '/readyz');
    await server.http.close(1000);
    expect(lines(server)).toEqual([]);
  });

  test('a client that goes away is logged as gone', async () => {
    let reached = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (reached = resolve));
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await using server = await startServer({
      access: {
        authenticate: async () => {
          reached();
          await held;
          throw new Error('nobody listens');
        },
      },
    });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write('GET /api/v1/hooks HTTP/1.1\r\nHost: x\r\n\r\n');
    await arrived;
    socket.destroy();
    await once(socket, 'close');
    await vi.waitFor(() => expect(lines(server)).toMatchObject([{ path: '/api/v1/hooks', aborted: true }]));
    answer();
  });
});

describe('no key is in any line', () => {
  const key = generateKey(randomBytes);
  const token = `eyJhbGciOiJSUzI1NiJ9.${randomBytes(90).toString('base64url')}.${randomBytes(64).toString('base64url')}`;

  test.each([
    ['an API key', key],
    ['a token', token],
  ])('wherever the client puts %s', async (_name, secret) => {
    await using server = await startServer();
    const send = { authorization: `Bearer ${secret}` };
    await server.ask('GET', '/api/v1/hooks', undefined, send);
    await server.ask('GET', `/api/v1/hooks?key=${secret}`);
    await server.ask('GET', `/api/v1/keys/${secret}`);
    await server.ask('DELETE', `/api/v1/keys/${secret}`);
    await server.ask('GET', `/api/v1/keys/${secret.replaceAll('_', '%5F')}`);
    await server.ask('GET', `/trpc/${secret}`);
    await server.ask('GET', `/${secret}`);
    await server.ask('POST', '/api/v1/events', { type: secret, payload: { key: secret } });
    await server.ask('POST', '/api/v1/events', `{"key": "${secret}`);
    await server.ask('GET', '/api/v1/hooks', undefined, { 'x-request-id': secret.slice(0, 128) });
    await server.ask('GET', '/api/v1/hooks', undefined, { cookie: secret, 'x-api-key': secret });
    await server.http.close(1000);
    const text = JSON.stringify(server.logged);
    expect(lines(server)).toHaveLength(11);
    // Half of the secret part is as bad as all of it.
    expect(text).not.toContain(secret.slice(24, 44));
    expect(text).not.toContain(ADMIN_KEY);
  });

  test('nor in a message, a child’s fields or an error’s words', () => {
    const written: unknown[] = [];
    const write = (fields: object, message: string): void => void written.push([fields, message]);
    const recording: Logger = {
      debug: write,
      info: write,
      warn: write,
      error: write,
      child: (fields) => {
        written.push(fields);
        return recording;
      },
    };
    const logger = withoutCredentials(recording).child({ asked: key });
    for (const level of ['debug', 'info', 'warn', 'error'] as const)
      logger[level]({ cause: `Error: no ${key} here`, status: 404 }, `There is no key ${key}`);
    expect(written).toHaveLength(5);
    expect(written[1]).toEqual([
      { cause: 'Error: no [redacted] here', status: 404 },
      'There is no key [redacted]',
    ]);
    expect(JSON.stringify(written)).not.toContain(key.slice(20, 40));
  });
});
