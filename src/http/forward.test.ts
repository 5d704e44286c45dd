import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createClient } from '../client/client.ts';
import { createInternalServer } from '../internal/server.ts';
import { HEADERS } from '../internal/protocol.ts';
import { silentLogger } from '../kernel/logger.ts';
import type { Services } from '../../router/services.ts';
import type { LeaderCase } from '../../router/trpc.ts';
import { sampleEvent } from '../../router/testing/fake-services.ts';
import { createForward, type Forward } from './forward.ts';
import { forwardingTo } from './forwarding.ts';
import type { Admission } from './server.ts';
import { ADMIN_KEY, startServer, type TestServer } from './testing/start-server.ts';

const KEY = 'an-internal-key-of-thirty-two-characters';

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

const never = (): never => {
  throw new Error('is not asked for here');
};

const RATES = {
  ip: undefined,
  authFailures: undefined,
  read: undefined,
  write: undefined,
  execute: undefined,
};

/** A server that writes, with the door that it has for others. */
const openLeader = async (
  options: { readonly services?: Partial<Services>; readonly admission?: Admission } = {},
  sequence = (): number => 7,
) => {
  const server = await startServer(options);
  const internal = createInternalServer({ key: KEY, logger: silentLogger });
  const { url, port } = await internal.listen({ host: '127.0.0.1', port: 0 });
  internal.open({
    feed: { follow: never },
    appends: { append: never },
    drains: { stopped: true, take: never },
    agents: never,
    forward: server.http.forwarded({ header: HEADERS.sequence, sequence }),
  });
  opened.push(
    () => server.http.close(0),
    () => internal.close(0),
  );
  return { ...server, internalUrl: url, internalPort: port, internal };
};

const openFollower = async (
  url: string,
  options: {
    readonly untilApplied?: (sequence: number) => Promise<void>;
    readonly patienceMs?: number;
    readonly cases?: readonly LeaderCase[];
    readonly admission?: Admission;
  } = {},
): Promise<TestServer & { readonly forward: Forward }> => {
  const forward = createForward({
    upstream: {
      url: `${url}/forward`,
      headers: (client) => ({ [HEADERS.key]: KEY, [HEADERS.client]: client }),
      sequenceHeader: HEADERS.sequence,
    },
    untilApplied: options.untilApplied ?? (() => Promise.resolve()),
    patienceMs: options.patienceMs ?? 0,
    logger: silentLogger,
  });
  const server = await startServer({
    forwarding: forwardingTo(forward, options.cases ?? ['always']),
    ...(options.admission !== undefined && { admission: options.admission }),
  });
  opened.push(
    () => server.http.close(0),
    () => forward.close(),
  );
  return { ...server, forward };
};

const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const namesOf = ({ calls }: TestServer): readonly string[] => calls.map(({ name }) => name);

describe('what changes something', () => {
  test('is done by the server that writes, as if it had come there, and answered as it answers', async () => {
    const leader = await openLeader();
    const follower = await openFollower(leader.internalUrl);
    const event = { type: 'custom.x', payload: { text: 'ä'.repeat(1000) } };
    const headers = { 'idempotency-key': 'k1', 'x-correlation-id': 'cor_mine', 'x-request-id': 'req_mine' };
    const answers: Awaited<ReturnType<TestServer['ask']>>[] = [];
    for (const server of [leader, follower])
      answers.push(await server.ask('POST', '/api/v1/events', event, headers));
    expect(answers[1]?.status).toBe(201);
    expect(answers[1]?.body).toEqual(answers[0]?.body);
    const shown = ({ headers: all }: (typeof answers)[number]) =>
      Object.fromEntries([...all].filter(([name]) => name !== 'date'));
    expect(answers.map(shown)[1]).toEqual(answers.map(shown)[0]);
    expect(namesOf(follower)).toEqual([]);
    expect(leader.calls).toHaveLength(2);
    expect(leader.calls[1]?.args).toEqual(leader.calls[0]?.args);
    expect(leader.calls[1]?.origin).toEqual(leader.calls[0]?.origin);
  });

  test('by tRPC too, and in one request with others', async () => {
    const leader = await openLeader();
    const follower = await openFollower(leader.internalUrl);
    const client = createClient({ url: follower.url, key: ADMIN_KEY });
    await Promise.all([
      client.events.publish.mutate({ type: 'custom.a', payload: {} }),
      client.events.publish.mutate({ type: 'custom.b', payload: {} }),
    ]);
    expect(namesOf(leader)).toEqual(['events.publish', 'events.publish']);
    expect(namesOf(follower)).toEqual([]);
    await expect(
      createClient({ url: follower.url, key: 'wrong' }).events.publish.mutate({
        type: 'custom.a',
        payload: {},
      }),
    ).rejects.toMatchObject({ data: { code: 'unauthenticated' } });
  });

  test.each([
    ['no credentials', 'POST', '/api/v1/events', '{}', { authorization: '' }],
    ['broken JSON', 'POST', '/api/v1/events', '{', {}],
    ['an unknown field', 'POST', '/api/v1/events', { type: 'custom.x', payload: {}, x: 1 }, {}],
    ['another content type', 'POST', '/api/v1/events', 'x', { 'content-type': 'text/plain' }],
    ['no body', 'POST', '/api/v1/events', undefined, {}],
    ['a body with DELETE', 'DELETE', '/api/v1/memory/mem_1', { reason: 'old' }, {}],
    ['a query with POST', 'POST', '/api/v1/events?a=b%20c', {}, {}],
    ['no path', 'POST', '/api/v1/nothing', {}, {}],
    ['no method', 'PUT', '/api/v1/events', {}, {}],
    ['no procedure', 'POST', '/trpc/events.nothing', {}, {}],
  ])('%s is answered alike by both', async (_, method, path, body, headers) => {
    const leader = await openLeader();
    const follower = await openFollower(leader.internalUrl);
    const asked = [];
    for (const server of [leader, follower])
      asked.push(await server.ask(method, path, body, { ...headers, 'x-request-id': 'req_1' }));
    expect([asked[1]?.status, asked[1]?.body]).toEqual([asked[0]?.status, asked[0]?.body]);
    expect(asked[1]?.headers.get('content-type')).toBe(asked[0]?.headers.get('content-type'));
  });

  test('waits until this server has seen it, and says nothing of how that is known', async () => {
    const leader = await openLeader();
    const applied = Promise.withResolvers<void>();
    const untilApplied = vi.fn<(sequence: number) => Promise<void>>(() => applied.promise);
    const follower = await openFollower(leader.internalUrl, { untilApplied });
    let answered = false;
    const asked = follower.ask('POST', '/api/v1/events', { type: 'custom.x', payload: {} }).then((answer) => {
      answered = true;
      return answer;
    });
    await vi.waitFor(() => expect(untilApplied).toHaveBeenCalledWith(7));
    expect(answered).toBe(false);
    applied.resolve();
    const { status, headers } = await asked;
    expect(status).toBe(201);
    expect([...headers.keys()].filter((name) => name.startsWith('x-crucible'))).toEqual([]);
  });

  test('is answered also where this server cannot see it any more', async () => {
    const leader = await openLeader();
    const untilApplied = () => Promise.reject(new Error('the session is over'));
    const follower = await openFollower(leader.internalUrl, { untilApplied });
    expect((await follower.ask('POST', '/api/v1/events', { type: 'custom.x', payload: {} })).status).toBe(
      201,
    );
  });

  test('too large a body gets its answer, announced or in pieces, and no connection is left open', async () => {
    const leader = await openLeader();
    const follower = await openFollower(leader.internalUrl);
    const text = JSON.stringify({ type: 'custom.x', payload: { text: 'x'.repeat(2 * 1024 * 1024) } });
    expect((await follower.ask('POST', '/api/v1/events', text)).status).toBe(413);
    const pieces = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 40; i += 1) controller.enqueue(Buffer.alloc(64 * 1024, 'x'));
        controller.close();
      },
    });
    const init = {
      method: 'POST',
      body: pieces,
      duplex: 'half',
      headers: { 'content-type': 'application/json' },
    };
    const answer = await fetch(`${follower.url}/api/v1/events`, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${ADMIN_KEY}` },
    } as RequestInit);
    expect(answer.status).toBe(413);
    expect(namesOf(leader)).toEqual([]);
  });

  test.each(['a server that writes', 'one that went away', 'one that does not write'])(
    'the connection goes on after an answer to a body that was not read: %s',
    async (which) => {
      const url =
        which === 'a server that writes'
          ? (await openLeader()).internalUrl
          : await listen(
              createServer((req, res) => {
                if (which === 'one that went away') req.once('data', () => req.socket.destroy());
                else res.writeHead(503).end();
              }),
            );
      const follower = await openFollower(url);
      const socket = connect(Number(new URL(follower.url).port), '127.0.0.1');
      opened.push(() => socket.destroy());
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      const head = (line: string): string =>
        `${line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n`;
      const body = Buffer.alloc(8 * 1024 * 1024, 'x');
      socket.write(
        `${head('POST /api/v1/events')}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
      socket.write(`${head('GET /healthz')}\r\n`);
      const statuses = (): readonly unknown[] =>
        [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
      const expected = which === 'a server that writes' ? '413' : '503';
      await vi.waitFor(() => expect(statuses()).toEqual([expected, '200']), 5_000);
    },
  );

  test('headers of ours that a client makes up count for nothing, nor do those of its connection', async () => {
    const seen = Promise.withResolvers<IncomingMessage>();
    const url = await listen(
      createServer((req, res) => {
        seen.resolve(req);
        res.writeHead(200, { 'x-crucible-sequence': '1', connection: 'close, x-inner', 'x-inner': '1' });
        res.end('{}');
      }),
    );
    const follower = await openFollower(url);
    const socket = connect(Number(new URL(follower.url).port), '127.0.0.1');
    socket.write(
      [
        'POST /api/v1/events HTTP/1.1',
        'Host: a.example',
        'Connection: keep-alive, X-Mine',
        'X-Mine: 1',
        'X-Crucible-Internal-Key: guess',
        'X-Crucible-Client: 9.9.9.9',
        'X-Crucible-Sequence: 1',
        'Expect: 100-continue',
        'Cookie: a=1',
        'Transfer-Encoding: chunked',
        '',
        '2',
        '{}',
        '0',
        '',
        '',
      ].join('\r\n'),
    );
    const { headers, method, url: path } = await seen.promise;
    expect([method, path]).toEqual(['POST', '/forward/api/v1/events']);
    expect(headers).toMatchObject({
      'x-crucible-internal-key': KEY,
      'x-crucible-client': '127.0.0.1',
      'transfer-encoding': 'chunked',
      cookie: 'a=1',
      host: new URL(url).host,
    });
    expect(headers['x-mine'] ?? headers.expect ?? headers['x-crucible-sequence']).toBeUndefined();
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await vi.waitFor(() => expect(text).toContain('{}'));
    expect(text).not.toMatch(/x-inner|x-crucible/i);
    socket.destroy();
  });

  test('counts for the address that the client has at this server', async () => {
    const rule = { perWindow: 1, windowMs: 60_000, burst: 0 };
    const leader = await openLeader({
      admission: { trustProxy: undefined, corsOrigins: [], rates: { ...RATES, ip: rule } },
    });
    const follower = await openFollower(leader.internalUrl, {
      admission: { trustProxy: 1, corsOrigins: [], rates: RATES },
    });
    const from = async (address: string) => {
      const event = { type: 'custom.x', payload: {} };
      const { status, headers } = await follower.ask('POST', '/api/v1/events', event, {
        'x-forwarded-for': address,
      });
      return [status, headers.has('retry-after')];
    };
    expect(await from('203.0.113.1')).toEqual([201, false]);
    expect(await from('203.0.113.1')).toEqual([429, true]);
    expect(await from('203.0.113.2')).toEqual([201, false]);
    expect(await from('2001:db8::1')).toEqual([201, false]);
    expect(await from('2001:db8::2')).toEqual([429, true]);
  });

  test('is not sent on twice', async () => {
    const far = await openLeader();
    const between = await openFollower(far.internalUrl);
    const internal = createInternalServer({ key: KEY, logger: silentLogger });
    const { url } = await internal.listen({ host: '127.0.0.1', port: 0 });
    opened.push(() => internal.close(0));
    internal.open({
      feed: { follow: never },
      appends: { append: never },
      drains: { stopped: true, take: never },
      agents: never,
      forward: between.http.forwarded({ header: HEADERS.sequence, sequence: () => 1 }),
    });
    const follower = await openFollower(url);
    const { status, body } = await follower.ask('POST', '/api/v1/events', { type: 'custom.x', payload: {} });
    expect([status, body['code']]).toEqual([503, 'fenced']);
    expect(namesOf(far)).toEqual([]);
  });
});

describe('reads', () => {
  test('are answered here, those by POST too', async () => {
    const leader = await openLeader();
    const follower = await openFollower(leader.internalUrl);
    for (const [method, path, body] of [
      ['GET', '/api/v1/events', undefined],
      ['POST', '/api/v1/events/query', {}],
      ['POST', '/api/v1/memory/query', { text: 'a' }],
    ] as const)
      expect((await follower.ask(method, path, body)).status).toBe(200);
    expect(namesOf(leader)).toEqual([]);
    expect(namesOf(follower)).toHaveLength(3);
  });

  test('that rest on what the other one knows are sent on', async () => {
    const leader = await openLeader();
    const follower = await openFollower(leader.internalUrl, { cases: ['always', 'meanings'] });
    expect((await follower.ask('POST', '/api/v1/memory/query', { semantic: 'a' })).status).toBe(200);
    expect((await follower.ask('GET', `/api/v1/events/${sampleEvent.id}/explain`)).status).toBe(200);
    expect(namesOf(leader)).toContain('memory.query');
    expect(namesOf(follower)).toEqual([]);
  });
});

describe('a server that writes that is not there', () => {
  const closed = async (): Promise<{ readonly url: string; readonly port: number }> => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return { url: `http://127.0.0.1:${port}`, port };
  };

  test('is waited for, then 503 says that nothing was changed', async () => {
    const follower = await openFollower((await closed()).url, { patienceMs: 150 });
    const { status, body, headers } = await follower.ask('POST', '/api/v1/events', {
      type: 'custom.x',
      payload: {},
    });
    expect([status, body['code'], headers.get('retry-after')]).toEqual([503, 'log_unavailable', '1']);
    expect(body['hint']).toContain('Nothing was changed');
    const client = createClient({ url: follower.url, key: ADMIN_KEY });
    await expect(client.events.publish.mutate({ type: 'custom.x', payload: {} })).rejects.toMatchObject({
      data: { code: 'log_unavailable' },
    });
  });

  test('or does not write any more, or not yet: it says nothing of the sort to clients', async () => {
    const leader = await openLeader();
    const follower = await openFollower(leader.internalUrl);
    await leader.internal.close(0);
    const waiting = createInternalServer({ key: KEY, logger: silentLogger });
    await waiting.listen({ host: '127.0.0.1', port: leader.internalPort });
    opened.push(() => waiting.close(0));
    const event = { type: 'custom.x', payload: {} };
    const { status, body } = await follower.ask('POST', '/api/v1/events', event, { 'x-request-id': 'req_1' });
    expect([status, body['code'], body['request_id']]).toEqual([503, 'log_unavailable', 'req_1']);
    const client = createClient({ url: follower.url, key: ADMIN_KEY });
    await expect(client.events.publish.mutate(event)).rejects.toMatchObject({
      data: { code: 'log_unavailable' },
    });
    expect(namesOf(leader)).toEqual([]);
  });

  test('and gets what came meanwhile when it comes back in time', async () => {
    const { url, port } = await closed();
    const follower = await openFollower(url, { patienceMs: 60_000 });
    const asked = follower.ask('POST', '/api/v1/events', { type: 'custom.x', payload: { n: 1 } });
    const bodies: string[] = [];
    const back = createServer((req, res) => {
      req
        .on('data', (chunk: Buffer) => bodies.push(chunk.toString()))
        .on('end', () => res.writeHead(200, { 'x-crucible-sequence': '1' }).end('{}'));
    });
    back.listen(port, '127.0.0.1');
    opened.push(() => {
      back.closeAllConnections();
      back.close();
    });
    expect((await asked).status).toBe(200);
    expect(bodies).toEqual(['{"type":"custom.x","payload":{"n":1}}']);
  });

  test('or goes away before it answers: then it may have been done', async () => {
    const url = await listen(createServer((req) => void req.socket.destroy()));
    const follower = await openFollower(url, { patienceMs: 60_000 });
    const { status, body } = await follower.ask('POST', '/api/v1/events', { type: 'custom.x', payload: {} });
    expect([status, body['code']]).toEqual([503, 'log_unavailable']);
    expect(body['hint']).toContain('Idempotency-Key');
  });

  test('or in the middle of its answer: then the client sees that it is not whole', async () => {
    const url = await listen(
      createServer((_req, res) => {
        res.writeHead(200, { 'content-length': '100', 'x-crucible-sequence': '1' });
        res.write('half', () => res.destroy());
      }),
    );
    const follower = await openFollower(url);
    await expect(follower.ask('POST', '/api/v1/events', { type: 'custom.x', payload: {} })).rejects.toThrow(
      /terminated|fetch failed/,
    );
  });

  test('what is under way is cut off when this server stops following', async () => {
    const arrived = Promise.withResolvers<void>();
    const url = await listen(createServer(() => arrived.resolve()));
    const follower = await openFollower(url);
    const asked = follower.ask('POST', '/api/v1/events', { type: 'custom.x', payload: {} });
    await arrived.promise;
    await follower.forward.close();
    expect((await asked).status).toBe(503);
  });

  test('what was sent may still be answered then; what was not is refused at once, and nothing comes after it', async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    const url = await listen(createServer((_req, res) => arrived.resolve(res)));
    const follower = await openFollower(url);
    const event = { type: 'custom.x', payload: {} };
    const asked = follower.ask('POST', '/api/v1/events', event);
    const answer = await arrived.promise;
    const ending = follower.forward.close(60_000);
    const { status, body } = await follower.ask('POST', '/api/v1/events', event);
    expect([status, body['hint']]).toEqual([503, 'Nothing was changed: send the request again.']);
    answer.writeHead(200, { 'x-crucible-sequence': '1' }).end('{}');
    expect((await asked).status).toBe(200);
    await ending;
  });

  test('what waits for a connection then was not done', async () => {
    const { url } = await closed();
    const follower = await openFollower(url, { patienceMs: 60_000 });
    const asked = follower.ask('POST', '/api/v1/events', { type: 'custom.x', payload: {} });
    await new Promise((resolve) => follower.http.node.once('request', resolve));
    await follower.forward.close(60_000);
    const { status, body } = await asked;
    expect([status, body['hint']]).toEqual([503, 'Nothing was changed: send the request again.']);
  });
});

test('a client that goes away is gone for the server that writes', async () => {
  const gone = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const url = await listen(
    createServer((_req, res) => {
      res.once('close', () => gone.resolve());
      arrived.resolve();
    }),
  );
  const follower = await openFollower(url);
  const left = new AbortController();
  const asked = fetch(`${follower.url}/api/v1/events`, { method: 'POST', body: '{}', signal: left.signal });
  asked.catch(() => undefined);
  await arrived.promise;
  left.abort();
  await expect(gone.promise).resolves.toBeUndefined();
});

test('an answer in pieces is passed on as it comes, and ends when all of it has been seen', async () => {
  let sequence = 1;
  let commits = 0;
  const importBatch = async (documents: readonly unknown[]) => {
    sequence += 1;
    commits += 1;
    return documents.map((_, i) => ({ status: 'created' as const, id: `mem_${i}` }));
  };
  const leader = await openLeader({ services: { memory: { importBatch } as never } }, () => sequence);
  const seen: number[] = [];
  const last = Promise.withResolvers<void>();
  const follower = await openFollower(leader.internalUrl, {
    untilApplied: (asked) => {
      seen.push(asked);
      return seen.length === 1 ? Promise.resolve() : last.promise;
    },
  });
  const sending = request(`${follower.url}/api/v1/memory/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/x-ndjson' },
  });
  const line = (n: number): string => `${JSON.stringify({ content: `# ${n}` })}\n`;
  for (let n = 0; n < 25; n += 1) sending.write(line(n));
  const [answer] = (await once(sending, 'response')) as [IncomingMessage];
  let text = '';
  answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await vi.waitFor(() => expect(text).toContain('"progress"'));
  for (let n = 25; n < 30; n += 1) sending.write(line(n));
  sending.end();
  await vi.waitFor(() => expect(text).toContain('"end"'));
  await vi.waitFor(() => expect(seen).toHaveLength(2));
  expect([answer.statusCode, answer.complete, seen[1]]).toEqual([200, false, 3]);
  last.resolve();
  await once(answer, 'end');
  expect(commits).toBe(2);
});
