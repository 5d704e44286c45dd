import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { createLeaderClient } from './client.ts';
import { KEY, openLeader } from './testing/open-leader.ts';

const codeOf = (body: string): unknown => (JSON.parse(body) as { code?: unknown }).code;

describe('the internal listener', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ['no key', { 'x-crucible-internal-key': '' }],
    ['another key', { 'x-crucible-internal-key': `${KEY}x` }],
    ['a part of the key', { 'x-crucible-internal-key': KEY.slice(0, -1) }],
    ['the key as a bearer token', { 'x-crucible-internal-key': '', authorization: `Bearer ${KEY}` }],
  ])('lets nobody in with %s', async (_, headers) => {
    let called = false;
    const call = (): never => {
      called = true;
      throw new Error('called');
    };
    await using leader = await openLeader({
      appends: { append: call },
      feed: { follow: call },
      forward: call,
    });
    for (const [method, path] of [
      ['GET', '/internal/v1/commits?epoch=7'],
      ['POST', '/internal/v1/append'],
      ['POST', '/internal/v1/drains/take'],
      ['POST', '/internal/v1/agents/call'],
      ['GET', '/forward/api/v1/events'],
      ['GET', '/healthz'],
    ] as const) {
      const answer = await leader.ask(method, path, { headers });
      expect([answer.status, answer.headers['content-type'], codeOf(answer.body)]).toEqual([
        401,
        'application/problem+json',
        'unauthenticated',
      ]);
    }
    expect(called).toBe(false);
  });

  test('reads no body without the key', async () => {
    await using leader = await openLeader();
    const socket = connect(Number(new URL(leader.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST /internal/v1/append HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    // Answered, and ended, though the body never came.
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 401 /);
  });

  test('serves nothing else', async () => {
    await using leader = await openLeader();
    for (const path of [
      '/',
      '/healthz',
      '/api/v1/events',
      '/internal/v1',
      '/forward',
      '//x',
      '/internal/v2/append',
      '/%zz#[',
    ])
      expect((await leader.ask('GET', path)).status).toBe(404);
    expect((await leader.ask('GET', '/internal/v1/append')).status).toBe(405);
    expect((await leader.ask('POST', '/internal/v1/commits')).status).toBe(405);
  });

  test.each([
    ['no JSON', '{"requests": [', 400, 'malformed_request'],
    ['nothing', '', 400, 'malformed_request'],
    ['text that is no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 422, 'invalid'],
    ['too much', Buffer.alloc(16 * 1024 * 1024 + 1, 0x20), 413, 'payload_too_large'],
    ['deep nesting', '['.repeat(200_000) + ']'.repeat(200_000), 422, 'invalid'],
  ])('refuses a body of %s', async (_, body, status, code) => {
    await using leader = await openLeader();
    const answer = await leader.ask('POST', '/internal/v1/append', { body });
    expect([answer.status, codeOf(answer.body)]).toEqual([status, code]);
    expect((await leader.ask('POST', '/internal/v1/append', { body: '{}' })).status).toBe(422);
  });

  test('refuses a body of no announced length when it becomes too much', async () => {
    await using leader = await openLeader();
    const socket = connect(Number(new URL(leader.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(
      `POST /internal/v1/append HTTP/1.1\r\nHost: x\r\nX-Crucible-Internal-Key: ${KEY}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const piece = Buffer.concat([
      Buffer.from('100000\r\n'),
      Buffer.alloc(0x10_0000, 0x20),
      Buffer.from('\r\n'),
    ]);
    const answered = once(socket, 'data') as Promise<[Buffer]>;
    for (let i = 0; i < 17; i += 1) socket.write(piece);
    const [head] = await answered;
    expect(head.toString()).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  test('refuses headers beyond its limit, and lives on', async () => {
    await using leader = await openLeader();
    const answer = await leader.ask('GET', '/forward/x', { headers: { a: 'x'.repeat(40_000) } });
    expect(answer.status).toBe(431);
    expect((await leader.ask('GET', '/nothing')).status).toBe(404);
  });

  test('tells a client with another key that it is the key', async () => {
    await using leader = await openLeader();
    const client = createLeaderClient({
      url: leader.url,
      key: 'another key of more than thirty-two characters',
    });
    const sent = { id: 'a', epoch: 7, request: { events: [] } };
    await expect(client.append(sent)).rejects.toMatchObject({
      code: 'unauthenticated',
      hint: expect.stringContaining('CRUCIBLE_INTERNAL_KEY') as string,
    });
    await client.close();
  });

  test('tells of a port that is taken, and how to mend it', async () => {
    await using first = await openLeader();
    const port = Number(new URL(first.url).port);
    await using second = await openLeader();
    await second.server.close(0);
    await expect(second.server.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'port_in_use',
      hint: expect.stringContaining('CRUCIBLE_INTERNAL_PORT') as string,
    });
  });
});
