import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { request } from 'undici';
import { describe, expect, test } from 'vitest';
import { KEY, openLeader, type TestLeader } from './testing/open-leader.ts';

const openSocket = async (leader: TestLeader, head: readonly string[]): Promise<Socket> => {
  const socket = connect(Number(new URL(leader.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  return socket;
};

const textOf = async (socket: Socket): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

describe('a forwarded request', () => {
  test('is the client’s own: its path, its headers, its body, and none of ours', async () => {
    await using leader = await openLeader({
      forward: (req, res, by) => {
        const chunks: Buffer[] = [];
        req
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .once('end', () =>
            res.writeHead(207, { 'x-answer': 'yes' }).end(
              JSON.stringify({
                by,
                method: req.method,
                url: req.url,
                authorization: req.headers.authorization,
                ours: [
                  ...Object.keys(req.headers),
                  ...Object.keys(req.headersDistinct),
                  ...req.rawHeaders,
                ].filter((text) => /internal|crucible-client|crucible-sequence/i.test(text) || text === KEY),
                cookies: req.rawHeaders.filter((_, i, all) => all.at(i - 1)?.toLowerCase() === 'x-many'),
                body: Buffer.concat(chunks).toString(),
              }),
            ),
          );
      },
    });
    const { upstream } = leader.client;
    const answer = await request(`${upstream.url}/api/v1/a%2Fb?q=1&q=2`, {
      method: 'PUT',
      headers: {
        authorization: 'Bearer of-the-client',
        'X-Many': ['1', '2'],
        'x-crucible-sequence': '99',
        ...upstream.headers('2001:db8:0:0::/64'),
      },
      body: 'text',
    });
    expect([answer.statusCode, answer.headers['x-answer']]).toEqual([207, 'yes']);
    expect(await answer.body.json()).toEqual({
      by: { client: '2001:db8:0:0::/64' },
      method: 'PUT',
      url: '/api/v1/a%2Fb?q=1&q=2',
      authorization: 'Bearer of-the-client',
      ours: [],
      cookies: ['1', '2'],
      body: 'text',
    });
    expect(upstream.sequenceHeader).toBe('x-crucible-sequence');
  });

  test('says whom it counts for', async () => {
    await using leader = await openLeader();
    for (const client of [undefined, '', 'x'.repeat(101)]) {
      const headers = client === undefined ? {} : { 'x-crucible-client': client };
      expect((await leader.ask('GET', '/forward/x', { headers })).status).toBe(400);
    }
    expect((await leader.ask('GET', '/forward/x', { headers: { 'x-crucible-client': 'y' } })).status).toBe(
      200,
    );
  });

  test('whose body waits for a word gets it after the key, not before', async () => {
    await using leader = await openLeader({ forward: (req, res) => void req.pipe(res) });
    const head = (key: string): readonly string[] => [
      'POST /forward/x HTTP/1.1',
      'Host: x',
      'Connection: close',
      `X-Crucible-Internal-Key: ${key}`,
      'X-Crucible-Client: y',
      'Expect: 100-continue',
      'Content-Length: 4',
    ];
    const refused = await openSocket(leader, head('wrong'));
    expect(await textOf(refused)).toMatch(/^HTTP\/1\.1 401 /);
    const socket = await openSocket(leader, head(KEY));
    const [word] = (await once(socket, 'data')) as [Buffer];
    expect(word.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('body');
    expect(await textOf(socket)).toMatch(/^HTTP\/1\.1 200 .*body/s);
  });

  test('is finished before the server is closed', async () => {
    const arrived = Promise.withResolvers<() => void>();
    await using leader = await openLeader({
      forward: (_, res) => arrived.resolve(() => void res.end('done')),
    });
    const answer = leader.ask('GET', '/forward/x', { headers: { 'x-crucible-client': 'y' } });
    const finish = await arrived.promise;
    const closed = leader.server.close(600_000);
    finish();
    expect((await answer).body).toBe('done');
    await closed;
  });

  test('is cut off when the time for that is over', async () => {
    const arrived = Promise.withResolvers<void>();
    await using leader = await openLeader({ forward: () => arrived.resolve() });
    const answer = leader.ask('GET', '/forward/x', { headers: { 'x-crucible-client': 'y' } });
    const settled = Promise.allSettled([answer]);
    await arrived.promise;
    await leader.server.close(0);
    expect(await settled).toMatchObject([{ status: 'rejected', reason: { code: 'ECONNRESET' } }]);
  });
});

describe('a forwarded connection', () => {
  const head = (path: string, key = KEY, ...more: readonly string[]): readonly string[] => [
    `GET ${path} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `X-Crucible-Internal-Key: ${key}`,
    ...more,
  ];

  test('is handed on with what came with it, and ends with the server', async () => {
    await using leader = await openLeader({
      upgrade: (req, socket, first, by) => {
        socket.write(`${req.url} ${by.client} ${Object.keys(req.headers).join()} ${first.toString()}`);
        socket.pipe(socket);
      },
    });
    const socket = await openSocket(leader, head('/forward/stream?a=1', KEY, 'X-Crucible-Client: y'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toBe('/stream?a=1 y host,connection,upgrade ');
    socket.write('echo');
    const [echo] = (await once(socket, 'data')) as [Buffer];
    expect(echo.toString()).toBe('echo');
    const ended = once(socket, 'close');
    await leader.server.close(0);
    await ended;
  });

  test.each([
    ['another key', head('/forward/stream', 'wrong', 'X-Crucible-Client: y'), 401],
    ['no client', head('/forward/stream'), 400],
    ['another path', head('/internal/v1/commits?epoch=7'), 404],
  ])('is refused with %s', async (_, request, status) => {
    await using leader = await openLeader({ upgrade: () => undefined });
    expect(await textOf(await openSocket(leader, request))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test('is refused where there are none', async () => {
    await using leader = await openLeader();
    const socket = await openSocket(leader, head('/forward/stream', KEY, 'X-Crucible-Client: y'));
    expect(await textOf(socket)).toMatch(/^HTTP\/1\.1 404 /);
  });
});
