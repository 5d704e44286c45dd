import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { newId } from '../kernel/ids.ts';
import { openMemories } from '../../test/support/memories.ts';
import { ADMIN_KEY, startServer } from './testing/start-server.ts';
import { readLines } from './import-lines.ts';

const NDJSON = { 'content-type': 'application/x-ndjson' };

const linesOf = (text: unknown): Record<string, unknown>[] =>
  String(text)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A server over real memories. */
const start = async (limits: { maxBytes?: number; idleMs?: number } = {}) => {
  const open = await openMemories();
  const server = await startServer({ services: { memory: open.service }, limits: { import: limits } });
  const post = async (body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}/api/v1/memory/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, ...NDJSON, ...headers },
      body,
    });
    const type = response.headers.get('content-type') ?? '';
    const text = await response.text();
    return { status: response.status, type, lines: type.includes('ndjson') ? linesOf(text) : [] };
  };
  return {
    open,
    server,
    post,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await open[Symbol.asyncDispose]();
    },
  };
};

const documents = (
  count: number,
  content = (i: number) => `# Note ${i}\n[[Note ${(i + 1) % count}]]`,
): string => Array.from({ length: count }, (_, i) => `${JSON.stringify({ content: content(i) })}\n`).join('');

describe('a streamed import', () => {
  it('takes every document, tells its progress, and links what links to each other', async () => {
    await using api = await start();
    const { status, lines } = await api.post(documents(60));
    expect(status).toBe(200);
    expect(lines.map(({ type, done }) => [type, done])).toEqual([
      ['progress', 25],
      ['progress', 50],
      ['progress', 60],
      ['end', 60],
    ]);
    expect(lines.at(-1)).toEqual({ type: 'end', done: 60, known: 0, failed: 0 });
    const edges = await api.open.edges();
    expect(edges).toHaveLength(60);
    expect(edges.every((edge) => edge.includes('-links_to->'))).toBe(true);
  });

  it('takes a document with an id once', async () => {
    await using api = await start();
    const body = `${JSON.stringify({ id: newId('msg'), content: 'a' })}\n${JSON.stringify({ content: 'b' })}`;
    expect((await api.post(body)).lines.at(-1)).toMatchObject({ done: 2, known: 0 });
    expect((await api.post(body)).lines.at(-1)).toMatchObject({ done: 1, known: 1 });
    expect((await api.open.service.list({ limit: 10 })).data).toHaveLength(3);
  });

  it('passes over a byte order mark at the beginning, and nowhere else', async () => {
    await using api = await start();
    expect((await api.post('\uFEFF{"content": "a"}\n{"content": "b"}')).lines.at(-1)).toMatchObject({
      done: 2,
      failed: 0,
    });
    expect((await api.post('\uFEFF\n')).lines.at(-1)).toMatchObject({ done: 0, failed: 0 });
    expect((await api.post('{"content": "c"}\n\uFEFF{"content": "d"}')).lines).toContainEqual(
      expect.objectContaining({ type: 'error', line: 2 }),
    );
  });

  it('tells each line that is no document, and takes the others', async () => {
    await using api = await start();
    const bad = [
      '{"content": "good"}',
      '{"content": ',
      '',
      '{"content": 7}',
      '{"content": "x", "colour": "red"}',
      '{}',
      '[]',
      '{"content": "x", "id": "note-1"}',
      '{"content": "\\ud800"}',
      `{"content": "${'#t'.repeat(2)} ${Array.from({ length: 300 }, (_, i) => `#t${i}`).join(' ')}"}`,
      `{"content": "${'x'.repeat(1024 * 1024 + 1)}"}`,
      `{"content": "${'x'.repeat(4 * 1024 * 1024)}"}`,
      '{"__proto__": {}, "content": "x"}',
      '  {"content": "good too"}  \r',
    ];
    const { lines } = await api.post(bad.join('\n'));
    const failed = lines.filter(({ type }) => type === 'error');
    expect(
      failed.map(({ line, code }) => [line, code]).toSorted(([a], [b]) => Number(a) - Number(b)),
    ).toEqual([
      [2, 'malformed_request'],
      [4, 'invalid'],
      [5, 'invalid'],
      [6, 'invalid'],
      [7, 'invalid'],
      [8, 'invalid'],
      [9, 'invalid'],
      [10, 'invalid'],
      [11, 'payload_too_large'],
      [12, 'payload_too_large'],
      [13, 'invalid'],
    ]);
    expect(failed.find(({ line }) => line === 5)?.['errors']).toEqual([
      expect.objectContaining({ path: 'colour' }),
    ]);
    expect(lines.at(-1)).toEqual({ type: 'end', done: 2, known: 0, failed: 11 });
  });

  it('splits what does not fit into one commit, and refuses alone what never will', async () => {
    await using api = await start();
    // A control character is six bytes of JSON: 25 of these are far more than a commit holds, and so is the last alone.
    const control = (n: number): string => JSON.stringify({ content: '\u0001'.repeat(n) });
    const body = [...Array.from({ length: 24 }, () => control(60_000)), control(900_000)].join('\n');
    const { lines } = await api.post(body);
    expect(lines.at(-1)).toEqual({ type: 'end', done: 24, known: 0, failed: 1 });
    expect(lines.find(({ type }) => type === 'error')).toMatchObject({ line: 25, code: 'payload_too_large' });
  });

  it.each<[string, Record<string, string>, number]>([
    ['no credentials', { authorization: '' }, 401],
    ['wrong credentials', { authorization: 'Bearer nobody' }, 401],
    ['a compressed body', { 'content-encoding': 'gzip' }, 415],
    ['an idempotency key', { 'idempotency-key': 'k' }, 400],
    ['another type', { 'content-type': 'text/plain' }, 415],
  ])('refuses %s', async (_, headers, status) => {
    await using api = await start();
    const answer = await api.post(documents(1), headers);
    expect(answer.status).toBe(status);
    expect(answer.type).toContain('application/problem+json');
    expect(await api.open.told()).toEqual([]);
  });

  it('refuses a body that says it is too large, and ends one that turns out to be', async () => {
    await using api = await start({ maxBytes: 10_000 });
    const padded = documents(30, (i) => `${i} ${'x'.repeat(1_000)}`);
    expect((await api.post(padded)).status).toBe(413);
    const chunked = await new Promise<string>((resolve, reject) => {
      const req = request(
        `${api.server.url}/api/v1/memory/import`,
        { method: 'POST', headers: { ...NDJSON, authorization: `Bearer ${ADMIN_KEY}` } },
        (res) => {
          let text = '';
          res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          res.on('end', () => resolve(text)).on('error', reject);
        },
      );
      req.on('error', reject);
      for (const line of padded.split('\n')) req.write(`${line}\n`);
      req.end();
    });
    expect(linesOf(chunked).at(-1)).toMatchObject({ type: 'aborted', code: 'payload_too_large' });
  });

  it('ends when nothing comes any more', async () => {
    await using api = await start({ idleMs: 50 });
    const text = await new Promise<string>((resolve, reject) => {
      const req = request(
        `${api.server.url}/api/v1/memory/import`,
        { method: 'POST', headers: { ...NDJSON, authorization: `Bearer ${ADMIN_KEY}` } },
        (res) => {
          let read = '';
          res.setEncoding('utf8').on('data', (chunk: string) => (read += chunk));
          res.on('end', () => {
            resolve(read);
            req.destroy();
          });
          res.on('error', reject);
        },
      );
      req.on('error', () => undefined);
      req.write(documents(25));
    });
    expect(linesOf(text).map(({ type }) => type)).toEqual(['progress', 'aborted']);
    expect(linesOf(text).at(-1)).toMatchObject({ done: 25, code: 'malformed_request' });
  });

  it('stops after the commit under way when the client goes away', async () => {
    await using api = await start();
    const { promise: first, resolve: committed } = Promise.withResolvers<void>();
    api.open.log.onCommit(() => committed());
    const closed = new Promise<void>((resolve) => {
      api.server.http.node.once('connection', (socket) => socket.once('close', () => resolve()));
    });
    const req = request(`${api.server.url}/api/v1/memory/import`, {
      method: 'POST',
      headers: { ...NDJSON, authorization: `Bearer ${ADMIN_KEY}` },
    });
    req.on('error', () => undefined);
    req.write(documents(50));
    await first;
    req.destroy();
    await closed;
    await api.server.http.close(1_000);
    const { data } = await api.open.service.list({ limit: 100 });
    expect([25, 50]).toContain(data.length);
    expect(api.server.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('takes up to 25 documents as JSON, each for itself', async () => {
    await using api = await start();
    const good = { content: '# A\n[[B]]' };
    const answer = await api.server.ask('POST', '/api/v1/memory/import', {
      documents: [good, { content: 'x', id: 'y' }, { content: '# B' }],
    });
    expect(answer.body['data']).toEqual([
      { id: expect.stringMatching(/^msg_/), imported: true },
      { imported: false, error: expect.objectContaining({ code: 'invalid' }) },
      { id: expect.stringMatching(/^msg_/), imported: true },
    ]);
    const many = await api.server.ask('POST', '/api/v1/memory/import', {
      documents: Array.from({ length: 26 }, () => good),
    });
    expect(many.status).toBe(422);
  });
});

describe('lines of a body', () => {
  async function* chunksOf(text: string, size: number): AsyncGenerator<Buffer> {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }

  it.each([1, 2, 3, 7, 1_000])('are the same in chunks of %i bytes', async (size) => {
    const lines = [];
    for await (const line of readLines(chunksOf('a\r\n\n  ü€ \n0123456789\nz', size), { lineBytes: 8 }))
      lines.push('bytes' in line ? [line.line, line.bytes.toString()] : [line.line]);
    expect(lines).toEqual([[1, 'a'], [3, 'ü€'], [4], [5, 'z']]);
  });
});
