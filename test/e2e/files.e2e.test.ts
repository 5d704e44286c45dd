import { mkdir, rename, unlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { vault } from '../support/files.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';

/** Directories watched by a real server: seen through files and the API alone. */

const WAIT = { timeout: 30_000, interval: 50 };
const SCRIPT = "export default ({ event }) => ({ output: 'saw ' + event.payload.path });";

let dir: Awaited<ReturnType<typeof vault>>;
let temporal: TestTemporal;
let server: TestServer;
let rest: Rest;

const start = async (): Promise<void> => {
  server = await startServer({
    dataDir: dir.at('data'),
    temporal,
    env: { CRUCIBLE_FILES_WATCH: [dir.at('notes'), dir.at('other')].join(delimiter) },
  });
  rest = restOf(server.url);
};

beforeAll(async () => {
  dir = await vault({ 'notes/Attention.md': '# Attention\nSee [[Transformers]]. #ai', 'notes/a.png': 'x' });
  await mkdir(dir.at('other'));
  temporal = await temporalServer();
  await start();
});
afterAll(async () => {
  await server?.stop();
  await temporal?.[Symbol.asyncDispose]();
  await dir?.[Symbol.asyncDispose]();
});

interface File {
  readonly path: string;
  readonly memory_id: string | null;
  readonly error: { readonly code: string } | null;
}

const list = async (query = ''): Promise<readonly File[]> =>
  (await rest('GET', `/files${query}`)).body.data as readonly File[];

/** Waits until the file is as it is expected. */
const settled = (path: string, expected: object): Promise<File> =>
  vi.waitFor(async () => {
    const file = (await list()).find((each) => each.path === path);
    expect(file).toMatchObject(expected);
    return file as File;
  }, WAIT);

const eventsOf = async (type: string): Promise<readonly { readonly payload: Record<string, unknown> }[]> =>
  (await rest('GET', `/events?type=${type}&limit=1000`)).body.data;

it('takes over what is there at the start, and every change from then on', async () => {
  const attention = await settled('Attention.md', { memory_id: expect.stringMatching(/^msg_/), error: null });
  const memory = await rest('GET', `/memory/${attention.memory_id}`);
  expect(memory.body).toMatchObject({ content: '# Attention\nSee [[Transformers]]. #ai', tags: ['#ai'] });
  await settled('a.png', { memory_id: null });

  await dir.put('notes/models/Transformers.md', 'Built on [[attention]].');
  const transformers = await settled('models/Transformers.md', { error: null });
  const edges = (await rest('GET', `/graph/edges?node=${attention.memory_id}`)).body.data;
  expect(edges).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ from: attention.memory_id, to: transformers.memory_id, type: 'links_to' }),
      expect.objectContaining({ from: transformers.memory_id, to: attention.memory_id, type: 'links_to' }),
      expect.objectContaining({ from: attention.memory_id, type: 'stored_in' }),
    ]),
  );

  await rename(dir.at('notes/models/Transformers.md'), dir.at('notes/Sequence models.md'));
  await settled('Sequence models.md', { memory_id: transformers.memory_id });
  await unlink(dir.at('notes/Sequence models.md'));
  await vi.waitFor(async () => {
    expect((await rest('GET', `/memory/${transformers.memory_id}`)).status).toBe(404);
  }, WAIT);
});

it('lets a hook react to a file', async () => {
  await rest('POST', '/hooks', {
    name: 'pictures',
    trigger: { events: [{ type: 'file.created', filter: { mime_type: 'image/png' } }] },
    action: { type: 'script', source: SCRIPT },
  });
  await dir.put('notes/b.png', 'y');
  await vi.waitFor(async () => {
    const runs = (await rest('GET', '/hooks/pictures/runs')).body.data;
    expect(runs).toMatchObject([{ state: 'succeeded', event_type: 'file.created' }]);
  }, WAIT);
});

it('scans when it is asked, once for each idempotency key, and tells who asked', async () => {
  await dir.put('other/x.md', 'one');
  const key = { 'idempotency-key': 'scan-1' };
  const first = await rest('POST', '/files/scan', { root: dir.at('other') }, key);
  expect(first.status).toBe(200);
  expect(first.body).toMatchObject({ deleted: 0, failed: 0, away: [] });
  const found = await list(`?root=${encodeURIComponent(dir.at('other'))}`);
  expect(found.map(({ path }) => path)).toEqual(['x.md']);
  await dir.put('other/y.md', 'two');
  const again = await rest('POST', '/files/scan', { root: dir.at('other') }, key);
  expect(again.body).toEqual(first.body);
  expect((await rest('POST', '/files/scan', {}, key)).body.code).toBe('idempotency_key_reused');
});

it('refuses what it does not watch, and who may not', async () => {
  for (const root of ['/etc', dir.path, join(dir.at('notes'), '..')])
    expect((await rest('POST', '/files/scan', { root })).body.code).toBe('forbidden');
  expect((await rest('POST', '/files/scan', { root: dir.at('notes'), path: '../other' })).status).toBe(422);
  expect((await rest('POST', '/files/scan', { pth: 'x' })).status).toBe(422);
  expect((await rest('GET', '/files?cursor=f1.e30')).body.code).toBe('bad_cursor');
  const made = await rest('POST', '/keys', { name: 'reader', role: 'reader', worlds: ['lab'] });
  expect(made.status).toBe(201);
  const reader = restOf(server.url, made.body.key as string);
  expect((await reader('POST', '/files/scan', {})).body.code).toBe('forbidden');
  expect((await reader('GET', '/files')).body).toEqual({ data: [], next_cursor: null });
});

it('pages through its list', async () => {
  const paths: string[] = [];
  let query = '?limit=1';
  for (;;) {
    const { data, next_cursor: next } = (await rest('GET', `/files${query}`)).body;
    paths.push(...(data as readonly File[]).map(({ path }) => path));
    if (next === null) break;
    query = `?limit=1&cursor=${next as string}`;
  }
  expect(paths).toEqual((await list()).map(({ path }) => path));
  expect(paths.length).toBeGreaterThan(2);
});

it('goes on where it was when it is killed, and starts again', async () => {
  for (let n = 0; n < 120; n += 1) await dir.put(`notes/many/${n}.md`, `note ${n}`);
  await vi.waitFor(
    async () => expect((await list('?prefix=many/&limit=1000')).length).toBeGreaterThan(0),
    WAIT,
  );
  await server.kill();
  await dir.put('notes/Attention.md', '# Attention, revised');
  await start();
  const revised = await settled('Attention.md', { error: null });
  await vi.waitFor(async () => {
    expect((await rest('GET', `/memory/${revised.memory_id}`)).body.content).toBe('# Attention, revised');
    expect(await list('?prefix=many/&limit=1000')).toHaveLength(120);
  }, WAIT);
  const created = (await eventsOf('file.created')).map(({ payload }) => payload['path']);
  expect(created.filter((path) => String(path).startsWith('many/'))).toHaveLength(120);
  expect(new Set(created).size).toBe(created.length);
});
