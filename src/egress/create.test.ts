import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isCrucibleError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createEgress } from './create.ts';
import type { EgressDeps } from './create.ts';
import type { Egress, EgressRequest } from './egress.ts';

const LOOPBACK = { allow: ['127.0.0.0/8'], anyPortInAllowed: true };

let server: Server;
let answer: RequestListener;
let seen: { request: IncomingMessage; body: string }[];
let sockets: Set<Socket>;
let base: string;
const open: Egress[] = [];

const egressWith = (deps: Partial<EgressDeps> = {}): Egress => {
  const egress = createEgress({ policy: LOOPBACK, logger: silentLogger, ...deps });
  open.push(egress);
  return egress;
};

beforeEach(async () => {
  seen = [];
  sockets = new Set();
  answer = (_request, response) => void response.end('ok');
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({ request, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((egress) => egress.close()));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const get = (path = '/', more: Partial<EgressRequest> = {}): EgressRequest => ({
  method: 'GET',
  url: `${base}${path}`,
  headers: {},
  timeoutMs: 5_000,
  ...more,
});

describe('request', () => {
  it('sends what is asked and gives what comes back, whatever the status', async () => {
    answer = (_request, response) =>
      void response.writeHead(418, { 'X-Answer': 'yes', 'set-cookie': ['a=1', 'b=2'] }).end('{"ü": 1}');
    const response = await egressWith().request(
      get('/a/b?c=d#fragment', {
        method: 'post',
        headers: { 'X-Own': 'v', 'Content-Type': 'application/json' },
        body: '{"a":"ü"}',
      }),
    );
    expect(response).toMatchObject({
      status: 418,
      body: '{"ü": 1}',
      truncated: false,
      headers: { 'x-answer': 'yes', 'set-cookie': 'a=1, b=2' },
    });
    expect(response.timings.headersMs).toBeGreaterThanOrEqual(response.timings.connectMs ?? Number.NaN);
    expect(response.durationMs).toBeGreaterThanOrEqual(response.timings.headersMs ?? Number.NaN);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      body: '{"a":"ü"}',
      request: {
        method: 'POST',
        url: '/a/b?c=d',
        headers: {
          'x-own': 'v',
          'content-type': 'application/json',
          'content-length': '10',
          'accept-encoding': 'identity',
        },
      },
    });
  });

  it('sends bytes as they are, also out of the middle of a buffer', async () => {
    const bytes = new Uint8Array([1, 2, 104, 105, 3]).subarray(2, 4);
    await egressWith().request(get('/', { method: 'POST', body: bytes }));
    expect(seen[0]?.body).toBe('hi');
  });

  it.each([301, 302, 303, 307, 308])('does not follow a %i', async (status) => {
    answer = (_request, response) => void response.writeHead(status, { location: `${base}/elsewhere` }).end();
    expect(await egressWith().request(get())).toMatchObject({ status });
    expect(seen.map(({ request }) => request.url)).toEqual(['/']);
  });

  it('takes no proxy from the environment', async () => {
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];
    for (const name of names) process.env[name] = 'http://127.0.0.1:1/';
    try {
      expect(await egressWith().request(get('/direct'))).toMatchObject({ status: 200 });
    } finally {
      for (const name of names) delete process.env[name];
    }
    expect(seen[0]?.request.url).toBe('/direct');
  });

  it('uses a connection again', async () => {
    const egress = egressWith();
    // One rests for a turn of the event loop after an answer, so that two take turns.
    for (let n = 0; n < 10; n += 1) await egress.request(get());
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  it('opens no more connections to one origin than it may, and serves everybody in the end', async () => {
    const responses = await (async () => {
      const egress = egressWith({ connectionsPerOrigin: 2 });
      return Promise.all(Array.from({ length: 10 }, (_, n) => egress.request(get(`/${n}`))));
    })();
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  it('waits for the answer behind early hints', async () => {
    answer = (_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('late');
    };
    expect(await egressWith().request(get())).toMatchObject({ status: 200, body: 'late' });
  });

  it.each([
    ['HEAD', 200, { 'content-encoding': 'gzip', 'content-length': '500' }],
    ['GET', 204, {}],
    ['GET', 304, { 'content-encoding': 'br' }],
    ['GET', 200, { 'content-encoding': 'gzip', 'content-length': '0' }],
  ])('takes a %s with %i and no body for what it is', async (method, status, headers) => {
    answer = (_request, response) => void response.writeHead(status, headers).end();
    expect(await egressWith().request(get('/', { method }))).toMatchObject({
      status,
      body: '',
      truncated: false,
    });
  });

  const text = 'Grüße, '.repeat(500);
  it.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['identity', Buffer.from(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
  ])('reads %s, though it did not ask for it', async (coding, bytes) => {
    answer = (_request, response) => void response.writeHead(200, { 'content-encoding': coding }).end(bytes);
    expect(await egressWith().request(get())).toMatchObject({ body: text, truncated: false });
  });

  it.each([
    ['gzip', Buffer.from('this is no gzip')],
    ['br', Buffer.from('\xff\xff\xff\xff', 'latin1')],
    ['gzip', gzipSync(text).subarray(0, 40)],
    ['compress', Buffer.from('x')],
    ['gzip, gzip, gzip, gzip', Buffer.from('x')],
  ])('says when a body is not the %s that it says it is', async (coding, bytes) => {
    answer = (_request, response) => void response.writeHead(200, { 'content-encoding': coding }).end(bytes);
    await expect(egressWith().request(get())).rejects.toMatchObject({
      code: 'protocol_error',
      final: false,
      ours: false,
    });
  });

  it('keeps no more of a body than it may, and no half of a character', async () => {
    answer = (_request, response) => void response.end('aü'.repeat(10));
    const egress = egressWith();
    expect(await egress.request(get('/', { maxResponseBytes: 5 }))).toMatchObject({
      body: 'aüa',
      truncated: true,
    });
    expect(await egress.request(get('/', { maxResponseBytes: 30 }))).toMatchObject({
      body: 'aü'.repeat(10),
      truncated: false,
    });
    expect(await egress.request(get('/', { maxResponseBytes: 0 }))).toMatchObject({
      body: '',
      truncated: true,
    });
  });

  it.each([
    ['a line break in a header', { headers: { 'x-a': 'b\r\nx-c: d' } }],
    ['a bare LF in a header', { headers: { 'x-a': 'b\nc' } }],
    ['a NUL in a header', { headers: { 'x-a': 'b\0' } }],
    ['a character beyond Latin-1', { headers: { 'x-a': 'Ω' } }],
    ['a space in a header name', { headers: { 'x a': 'b' } }],
    ['a colon in a header name', { headers: { 'x:a': 'b' } }],
    ['an empty header name', { headers: { '': 'b' } }],
    ['a host of its own', { headers: { Host: 'internal' } }],
    ['framing of its own', { headers: { 'Transfer-Encoding': 'chunked' } }],
    ['a length of its own', { headers: { 'content-length': '5' } }],
    ['an upgrade', { headers: { upgrade: 'websocket', connection: 'upgrade' } }],
    ['a header twice', { headers: { 'X-A': 'b', 'x-a': 'c' } }],
    ['CONNECT', { method: 'CONNECT' }],
    ['TRACE', { method: 'TRACE' }],
    ['a made-up method', { method: 'GET / HTTP/1.1\r\nx: y\r\n\r\nGET' }],
    ['headers that are too large', { headers: { 'x-a': 'b'.repeat(40_000) } }],
    ['no time', { timeoutMs: 0 }],
  ])('refuses %s', async (_what, more) => {
    await expect(egressWith().request(get('/', more))).rejects.toMatchObject({
      name: 'EgressError',
      code: 'bad_request',
      final: true,
      ours: false,
    });
    expect(seen).toEqual([]);
  });

  it('tells everything that is wrong, and no value of a header', async () => {
    const refused = egressWith().request(
      get('/', { method: 'BREW', headers: { authorization: 'secret\n', host: 'x' } }),
    );
    await expect(refused).rejects.toThrow(
      /method must be.*authorization holds a line break.*host is set by the client/,
    );
    await expect(refused).rejects.not.toThrow(/secret/);
  });

  it('can be called off before, in the middle, and in the body', async () => {
    const egress = egressWith();
    await expect(egress.request(get('/', { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'aborted',
      ours: true,
    });
    expect(seen).toEqual([]);

    const inTheMiddle = new AbortController();
    answer = () => inTheMiddle.abort();
    await expect(egress.request(get('/', { signal: inTheMiddle.signal }))).rejects.toMatchObject({
      code: 'aborted',
      ours: true,
      final: false,
    });

    const inTheBody = new AbortController();
    const gone = Promise.withResolvers<void>();
    answer = (_request, response) => {
      response.on('close', () => gone.resolve());
      response.write('beginning', () => inTheBody.abort());
    };
    await expect(egress.request(get('/', { signal: inTheBody.signal }))).rejects.toMatchObject({
      code: 'aborted',
    });
    await gone.promise;
  });

  it('ends what is under way when it is closed, and takes nothing after', async () => {
    const egress = egressWith();
    let closing: Promise<void> | undefined;
    answer = () => {
      closing = egress.close();
    };
    await expect(egress.request(get())).rejects.toMatchObject({ code: 'aborted', ours: true });
    await closing;
    await expect(egress.request(get())).rejects.toMatchObject({ code: 'aborted', ours: true });
  });

  it('denies closed addresses without a connection, and says nothing of path and query', async () => {
    const egress = egressWith({ policy: { allow: [], anyPortInAllowed: false } });
    for (const url of [
      `${base}/private?token=abc`,
      `http://[::ffff:127.0.0.1]:${new URL(base).port}/private?token=abc`,
      'ftp://x/private?token=abc',
    ]) {
      const denied = egress.request(get('/', { url }));
      await expect(denied).rejects.toMatchObject({
        name: 'EgressError',
        code: 'egress_denied',
        final: true,
        ours: false,
      });
      await expect(denied).rejects.not.toThrow(/token|private\?/);
    }
    expect(sockets.size).toBe(0);
  });
});

describe('check', () => {
  const names: Record<string, readonly string[]> = {
    'public.example': ['1.1.1.1', '2606:4700:4700::1111'],
    'private.example': ['10.0.0.7'],
    'mixed.example': ['1.1.1.1', 'fd00::1'],
    'metadata.example': ['169.254.169.254'],
    'loopback.example': ['127.0.0.1'],
  };
  const resolve = async (name: string): Promise<readonly string[]> => {
    const found = names[name];
    if (found === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    return found;
  };

  it.each([
    'https://public.example/hook',
    'http://1.1.1.1/',
    'https://not-there-yet.example/',
    'http://loopback.example:3000/',
  ])('lets %s pass', async (url) => {
    await expect(egressWith({ resolve }).check(url)).resolves.toBeUndefined();
  });

  it.each([
    ['https://private.example/', 'private.example resolves to 10.0.0.7, which is a private address'],
    ['https://mixed.example/', 'fd00::1'],
    ['https://metadata.example/', 'cloud metadata'],
    ['https://public.example:6379/', 'port 6379'],
    ['http://[fe80::1]/', 'link-local'],
    ['https://user:pass@public.example/', 'user name or password'],
    ['gopher://public.example/', 'scheme'],
    ['nonsense', 'not a URL'],
  ])('refuses %s with the reason', async (url, reason) => {
    const error = await egressWith({ resolve })
      .check(url)
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    expect(isCrucibleError(error, 'egress_denied')).toBe(true);
    expect(error).toMatchObject({
      message: expect.stringContaining(reason) as string,
      hint: expect.stringMatching(/\.$/) as string,
    });
  });
});
