import { createServer as createHttpServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createGzip, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createEgress } from '../../src/egress/create.ts';
import type { EgressDeps } from '../../src/egress/create.ts';
import type { Egress, EgressError, EgressRequest } from '../../src/egress/egress.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { selfSigned } from './egress-certificate.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

const egressWith = (deps: Partial<EgressDeps> = {}): Egress => {
  const egress = createEgress({
    policy: { allow: ['127.0.0.0/8'], anyPortInAllowed: true },
    logger: silentLogger,
    ...deps,
  });
  endings.push(() => egress.close());
  return egress;
};

interface Running {
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
  /** Resolves when the nth connection (from 0) is gone. */
  closed(n: number): Promise<void>;
}

const listen = async (server: Server, host = '127.0.0.1'): Promise<Running> => {
  const sockets = new Set<Socket>();
  const waiting: ReturnType<typeof Promise.withResolvers<void>>[] = [];
  const nth = (n: number) => (waiting[n] ??= Promise.withResolvers<void>());
  server.on('connection', (socket: Socket) => {
    const { resolve } = nth(sockets.size);
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => resolve());
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  endings.push(() => {
    sockets.forEach((socket) => socket.destroy());
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets, closed: (n) => nth(n).promise };
};

const http = (answer: RequestListener) => listen(createHttpServer(answer));
/** Says this once something was asked, and then nothing. */
const raw = (...parts: readonly string[]) =>
  listen(
    createTcpServer((socket) =>
      socket.once('data', () => parts.forEach((part) => socket.write(part, 'latin1'))),
    ),
  );

const get = (url: string, more: Partial<EgressRequest> = {}): EgressRequest => ({
  method: 'GET',
  url,
  headers: {},
  timeoutMs: 10_000,
  ...more,
});
const failure = (promise: Promise<unknown>): Promise<EgressError> =>
  promise.then(
    (value) => {
      throw new Error(`no failure, but ${JSON.stringify(value).slice(0, 200)}`);
    },
    (error: EgressError) => error,
  );

describe('a receiver that is slow', () => {
  it('in answering is left at the deadline', async () => {
    const { port, closed } = await http(() => undefined);
    expect(
      await failure(egressWith().request(get(`http://127.0.0.1:${port}/`, { timeoutMs: 100 }))),
    ).toMatchObject({
      code: 'timeout',
      final: false,
      ours: false,
      message: 'no complete answer within 100 ms (waiting for headers)',
    });
    await closed(0);
  });

  it('in its body is left at the same deadline, though it always says something', async () => {
    const { port, closed } = await http((_request, response) => {
      const drip = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(drip));
    });
    expect(
      await failure(egressWith().request(get(`http://127.0.0.1:${port}/`, { timeoutMs: 150 }))),
    ).toMatchObject({
      code: 'timeout',
      message: 'no complete answer within 150 ms (reading the body)',
    });
    await closed(0);
  });

  it('in its headers is left too', async () => {
    const server = createTcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write('x'), 5);
      socket.on('close', () => clearInterval(drip));
    });
    const { port } = await listen(server);
    expect(
      await failure(egressWith().request(get(`http://127.0.0.1:${port}/`, { timeoutMs: 150 }))),
    ).toMatchObject({ code: 'timeout' });
  });

  it('in its TLS is left at the deadline, or at the time for connecting', async () => {
    const { port, closed } = await listen(createTcpServer((socket) => socket.resume()));
    const url = `https://127.0.0.1:${port}/`;
    expect(await failure(egressWith().request(get(url, { timeoutMs: 100 })))).toMatchObject({
      code: 'timeout',
      ours: false,
      message: expect.stringContaining('waiting for a connection') as string,
    });
    expect(await failure(egressWith({ connectTimeoutMs: 100 }).request(get(url)))).toMatchObject({
      code: 'timeout',
      ours: false,
      message: expect.stringContaining('(TLS)') as string,
    });
    await closed(1);
  });

  it('does not hold up another, nor those that wait for it too long', async () => {
    const hanging = await http(() => undefined);
    const quick = await http((_request, response) => void response.end('quick'));
    const egress = egressWith({ connectionsPerOrigin: 2 });
    const stuck = Array.from({ length: 20 }, () =>
      failure(egress.request(get(`http://127.0.0.1:${hanging.port}/`, { timeoutMs: 300 }))),
    );
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => egress.request(get(`http://127.0.0.1:${quick.port}/`))),
    );
    expect(answers.every(({ body }) => body === 'quick')).toBe(true);
    expect((await Promise.all(stuck)).map(({ code }) => code)).toEqual(
      Array.from({ length: 20 }, () => 'timeout'),
    );
    // Two that hung; a connection for each of those that waited in vain would be twenty.
    expect(hanging.sockets.size).toBe(2);
  });
});

describe('a receiver that is endless', () => {
  it('in its body costs what is kept', async () => {
    const { port, closed } = await http((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
      };
      response.on('drain', more);
      more();
    });
    const response = await egressWith().request(get(`http://127.0.0.1:${port}/`));
    expect(response).toMatchObject({ status: 200, truncated: true, body: 'x'.repeat(65_536) });
    await closed(0);
  });

  it('in compressed zeros costs what is kept', async () => {
    let made = 0;
    const { port, closed } = await http((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      const gzip = createGzip();
      gzip.pipe(response);
      const zeros = Buffer.alloc(1 << 20);
      const more = (): void => {
        while (!response.destroyed && made < 2 ** 31) {
          made += zeros.length;
          if (!gzip.write(zeros)) break;
        }
      };
      gzip.on('drain', more);
      response.on('close', () => gzip.destroy());
      more();
    });
    const before = process.memoryUsage().rss;
    const response = await egressWith().request(
      get(`http://127.0.0.1:${port}/`, { maxResponseBytes: 1_000 }),
    );
    expect(response).toMatchObject({ truncated: true, body: '\0'.repeat(1_000) });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
    await closed(0);
  });

  it.each([1, 2, 3])('as a bomb of %i layers that came whole costs what is kept', async (layers) => {
    let bomb: Buffer = Buffer.alloc(100 * 2 ** 20);
    for (let layer = 0; layer < layers; layer += 1) bomb = gzipSync(bomb);
    const codings = Array.from({ length: layers }, () => 'gzip').join(', ');
    const { port } = await http(
      (_request, response) => void response.writeHead(200, { 'content-encoding': codings }).end(bomb),
    );
    expect(await egressWith().request(get(`http://127.0.0.1:${port}/`))).toMatchObject({
      truncated: true,
      body: '\0'.repeat(65_536),
    });
  });

  it('in its headers is given up', async () => {
    const server = createTcpServer((socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write(`x-${'h'.repeat(1_000)}: v\r\n`));
      };
      socket.write('HTTP/1.1 200 OK\r\n');
      socket.on('drain', more);
      more();
    });
    const { port, closed } = await listen(server);
    expect(await failure(egressWith().request(get(`http://127.0.0.1:${port}/`)))).toMatchObject({
      code: 'protocol_error',
      message: expect.stringContaining('headers that are too large') as string,
    });
    await closed(0);
  });

  it('in informational answers is left at the deadline', async () => {
    const server = createTcpServer((socket) => {
      const hint = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'), 5);
      socket.on('close', () => clearInterval(hint));
    });
    const { port } = await listen(server);
    expect(
      await failure(egressWith().request(get(`http://127.0.0.1:${port}/`, { timeoutMs: 150 }))),
    ).toMatchObject({ code: 'timeout' });
  });
});

describe('a receiver that breaks off or talks nonsense', () => {
  it('before it said anything', async () => {
    const { port } = await listen(
      createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
    );
    expect(await failure(egressWith().request(get(`http://127.0.0.1:${port}/`)))).toMatchObject({
      code: 'reset',
      final: false,
      ours: false,
    });
  });

  it.each([
    ['headers', ''],
    ['a header', 'HTTP/1.1 200 OK\r\nconte'],
    ['a body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
    ['a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel'],
  ])('by closing in good order in %s', async (_where, said) => {
    const { port } = await listen(createTcpServer((socket) => socket.once('data', () => socket.end(said))));
    expect(await failure(egressWith().request(get(`http://127.0.0.1:${port}/`)))).toMatchObject({
      code: 'reset',
      final: false,
      ours: false,
    });
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['a broken status line', 'HTTP/1.1 abc\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'],
    ['a broken chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    [
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    ],
  ])('by %s', async (_what, said) => {
    const { port } = await raw(said);
    expect(
      await failure(egressWith().request(get(`http://127.0.0.1:${port}/`, { timeoutMs: 2_000 }))),
    ).toMatchObject({ code: expect.stringMatching(/^(?:protocol_error|reset)$/) as string, ours: false });
  });

  it('cannot answer the next request in advance', async () => {
    const smuggled =
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil';
    const { port } = await raw(smuggled);
    const egress = egressWith();
    expect(await egress.request(get(`http://127.0.0.1:${port}/a`))).toMatchObject({ body: 'ok' });
    const second = await egress.request(get(`http://127.0.0.1:${port}/b`)).then(
      ({ body }) => body,
      ({ code }: EgressError) => code,
    );
    expect(second).not.toBe('evil');
  });

  it('by not being there', async () => {
    const server = createTcpServer();
    const { port } = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(egressWith().request(get(`http://127.0.0.1:${port}/`)))).toMatchObject({
      code: 'connect_failed',
      final: false,
      ours: false,
    });
  });
});

describe('TLS', () => {
  const serve = async (...names: readonly string[]) => {
    const identity = selfSigned(...names);
    const running = await listen(
      createHttpsServer(identity, (_request, response) => void response.end('secure')),
    );
    return { ...running, ca: [identity.cert] };
  };
  const resolve = async (): Promise<readonly string[]> => ['127.0.0.1'];

  it('is spoken with whom the certificate names, and again on the same connection', async () => {
    const { port, ca, sockets } = await serve('good.example');
    const egress = egressWith({ ca, resolve });
    for (let n = 0; n < 6; n += 1)
      expect(await egress.request(get(`https://good.example:${port}/`))).toMatchObject({ body: 'secure' });
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  it.each([
    ['nobody vouches for', 'good.example', false, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['is another one', 'other.example', true, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('is refused with one that %s', async (_what, host, trusted, code) => {
    const { port, ca } = await serve('good.example');
    const egress = egressWith({ resolve, ...(trusted ? { ca } : {}) });
    expect(await failure(egress.request(get(`https://${host}:${port}/`)))).toMatchObject({
      code: 'tls_failed',
      final: false,
      ours: false,
      message: expect.stringContaining(code) as string,
    });
  });

  it('is missed where none is spoken', async () => {
    const { port } = await http((_request, response) => void response.end());
    expect(await failure(egressWith().request(get(`https://127.0.0.1:${port}/`)))).toMatchObject({
      code: 'tls_failed',
    });
  });
});

describe('names', () => {
  const answering = (...answers: readonly (readonly string[] | string)[]) => {
    const asked: string[] = [];
    return {
      asked,
      resolve: async (name: string): Promise<readonly string[]> => {
        const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
        asked.push(name);
        if (typeof answer === 'string') throw Object.assign(new Error(answer), { code: answer });
        return answer;
      },
    };
  };

  it('that turn private between two attempts are refused at connect', async () => {
    const { port, sockets } = await http(
      (_request, response) => void response.writeHead(200, { connection: 'close' }).end('ok'),
    );
    const { resolve, asked } = answering(['127.0.0.1'], ['127.0.0.1'], ['10.0.0.1']);
    const egress = egressWith({ resolve });
    const url = `http://rebind.example:${port}/`;
    await egress.check(url);
    expect(await egress.request(get(url))).toMatchObject({ body: 'ok' });
    expect(await failure(egress.request(get(url)))).toMatchObject({
      code: 'egress_denied',
      final: true,
      message: expect.stringContaining(
        'rebind.example resolves to 10.0.0.1, which is a private address',
      ) as string,
    });
    expect(asked).toHaveLength(3);
    expect(sockets.size).toBe(1);
  });

  it('that say public when they are checked and loopback when they are connected to reach nothing', async () => {
    const { port, sockets } = await http((_request, response) => void response.end('inside'));
    const { resolve } = answering(['1.1.1.1'], ['127.0.0.1']);
    const egress = egressWith({ resolve, policy: { allow: [], anyPortInAllowed: false, ports: [port] } });
    await egress.check(`http://rebind.example:${port}/`);
    expect(await failure(egress.request(get(`http://rebind.example:${port}/`)))).toMatchObject({
      code: 'egress_denied',
    });
    expect(sockets.size).toBe(0);
  });

  it('with one closed address among open ones reach none of them', async () => {
    const { port, sockets } = await http((_request, response) => void response.end());
    const { resolve } = answering(['127.0.0.1', '169.254.169.254']);
    expect(
      await failure(egressWith({ resolve }).request(get(`http://mixed.example:${port}/`))),
    ).toMatchObject({ code: 'egress_denied' });
    expect(sockets.size).toBe(0);
  });

  it('with a dead address among good ones are reached by another', async () => {
    const { port } = await http((_request, response) => void response.end('second'));
    const { resolve } = answering(['127.0.0.2', '127.0.0.1']);
    expect(await egressWith({ resolve }).request(get(`http://two.example:${port}/`))).toMatchObject({
      body: 'second',
    });
  });

  it.each([
    ['ENOTFOUND', 'dns_not_found', false],
    ['ENODATA', 'dns_not_found', false],
    ['EAI_AGAIN', 'dns_failed', true],
    ['ESERVFAIL', 'dns_failed', true],
    ['ETIMEOUT', 'dns_failed', true],
  ])('that answer %s are %s, ours: %s', async (code, expected, ours) => {
    const { resolve } = answering(code);
    expect(await failure(egressWith({ resolve }).request(get('http://gone.example/')))).toMatchObject({
      code: expected,
      final: false,
      ours,
    });
  });

  it('without an address are not there', async () => {
    expect(await failure(egressWith(answering([])).request(get('http://empty.example/')))).toMatchObject({
      code: 'dns_not_found',
    });
  });

  it('that are never answered cost their own time only, and are asked for once', async () => {
    const { port } = await http((_request, response) => void response.end('ok'));
    let asked = 0;
    const egress = egressWith({
      connectTimeoutMs: 200,
      resolve: (name) => {
        if (name === 'fine.example') return Promise.resolve(['127.0.0.1']);
        asked += 1;
        return new Promise(() => undefined);
      },
    });
    const stuck = Array.from({ length: 10 }, () => failure(egress.request(get('http://stuck.example/'))));
    expect(await egress.request(get(`http://fine.example:${port}/`))).toMatchObject({ body: 'ok' });
    for (const error of await Promise.all(stuck))
      expect(error).toMatchObject({ code: 'timeout', ours: true });
    expect(asked).toBe(1);
  });
});
