import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { ADMIN_KEY, startServer } from './testing/start-server.ts';

/** Sends text as it is; the answer once the server has ended the connection. */
const raw = (url: string, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(url);
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    socket.on('close', () => resolve(answer)).on('error', reject);
  });

const half = (path: string, type: string, key = ADMIN_KEY): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${type}\r\nContent-Length: 100\r\n\r\n{"type"`;

it('ends a request whose body does not arrive in time with 408', async () => {
  await using server = await startServer({ limits: { requestTimeoutMs: 40 } });
  expect(await raw(server.url, half('/api/v1/events', 'application/json'))).toMatch(/^HTTP\/1.1 408 /);
});

it('lets no body that nobody reads keep a connection, whatever it calls itself', async () => {
  await using server = await startServer({ limits: { requestTimeoutMs: 40 } });
  const refused = await raw(server.url, half('/api/v1/memory/import', 'application/x-ndjson', 'nobody'));
  expect(refused).toMatch(/^HTTP\/1.1 401 /);
});
