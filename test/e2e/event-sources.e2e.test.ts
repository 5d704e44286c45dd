import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SOURCES } from '../../scripts/event-sources.ts';
import { endedRun } from '../support/ended-run.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { startServer, type TestServer } from '../support/server-process.ts';
import { temporalServer, type TestTemporal } from '../support/temporal-server.ts';
import { startReceiver } from '../support/webhooks.ts';

/** One of everything on a whole server, for the events of it. What each of them tells is tested elsewhere. */

const WAIT = { timeout: 30_000, interval: 50 };

let dir: string;
let temporal: TestTemporal;
let server: TestServer;
let rest: Rest;

const start = async (): Promise<void> => {
  const env = { CRUCIBLE_FILES_WATCH: join(dir, 'notes'), CRUCIBLE_MEMORY_ACCESSED: 'all' };
  server = await startServer({ dataDir: join(dir, 'data'), temporal, env });
  rest = restOf(server.url);
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-sources-e2e-'));
  await mkdir(join(dir, 'notes'));
  temporal = await temporalServer();
  await start();
});
afterAll(async () => {
  await server?.stop();
  await temporal?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** A request that is answered well. @returns the answer's body */
const ask: (...request: Parameters<Rest>) => Promise<Awaited<ReturnType<Rest>>['body']> = async (
  ...request
) => {
  const { status, body } = await rest(...request);
  expect([request.slice(0, 2).join(' '), status, body]).toMatchObject([
    expect.any(String),
    expect.toSatisfy((code: number) => code < 300),
    status === 204 ? undefined : {},
  ]);
  return body;
};

const seen = async (): Promise<ReadonlySet<string>> => {
  const types = new Set<string>();
  for (let after = 0; ;) {
    const { data } = await ask('GET', `/events?order=asc&after=${after}&limit=1000`);
    for (const { type, position } of data as readonly { type: string; position: number }[]) {
      types.add(type);
      after = position;
    }
    if (data.length === 0) return types;
  }
};

const publish = async (type: string): Promise<string> =>
  (await ask('POST', '/events', { type, payload: {} })).data[0].id;

const memories = async (): Promise<void> => {
  const a = await ask('POST', '/memory', { content: '# Attention\nSee [[Transformers]]. #ai' });
  const b = await ask('POST', '/memory', { content: '# Transformers' });
  await ask('GET', `/memory/${a.id}`);
  await ask('PUT', `/memory/${b.id}`, { content: '# Transformers\nrevised #ai' });
  await ask('POST', `/memory/${b.id}/link`, { to: a.id, link_type: 'cites' });
  await ask('POST', '/graph/paths', { from: a.id, to: b.id });
  await ask('POST', '/graph/communities', {});
  await ask('POST', '/graph/metrics', { metric: 'degree' });
  await ask('POST', `/memory/${b.id}/unlink`, { to: a.id, link_type: 'cites' });
  await ask('POST', `/memory/${a.id}/tag`, { tag: '#later' });
  await ask('POST', `/memory/${a.id}/untag`, { tag: '#later' });
  await ask('POST', '/memory/consolidate', { ids: [a.id, b.id] });
  await ask('POST', '/memory/prune', { tags: ['#ai'], max: 10 });
  const c = await ask('POST', '/memory', { content: 'gone soon' });
  await ask('DELETE', `/memory/${c.id}`);
};

const files = async (): Promise<void> => {
  const at = (path: string): string => join(dir, 'notes', path);
  const scan = (): Promise<unknown> => ask('POST', '/files/scan', {});
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
    await scan();
  };
  await put('deep/a.md', '# A');
  await put('deep/a.md', '# A, revised');
  await rename(at('deep/a.md'), at('b.md'));
  await scan();
  await rm(at('deep'), { recursive: true });
  await rm(at('b.md'));
  await scan();
  // A directory that is away is an error that somebody should look at.
  await rm(at('.'), { recursive: true });
  await scan();
  await mkdir(at('.'));
};

const ECHO = { name: 'echo', handler: { type: 'script', code: 'export default ({ inputs }) => inputs;' } };

const agents = async (): Promise<void> => {
  await ask('POST', '/worlds', { world: 'lab' });
  await ask('DELETE', '/worlds/lab');
  for (const name of ['alpha', 'beta']) await ask('POST', '/agents', { name, actions: [ECHO] });
  await ask('POST', '/rooms', { room: 'research' });
  for (const name of ['alpha', 'beta']) await ask('POST', `/agents/${name}/rooms`, { room: 'research' });
  await ask('POST', '/agents/alpha/messages', { room: 'research', content: 'hello' });
  await ask('POST', '/agents/alpha/tools', { name: 'lookup' });
  await ask('POST', '/agents/alpha/tools/lookup/use', { duration_ms: 1, success: true });
  await ask('POST', '/agents/alpha/actions', { action: 'echo', inputs: { n: 1 }, wait_ms: 25_000 });
  await ask('DELETE', '/rooms/research');
  await ask('DELETE', '/agents/beta');
};

const hooks = async (): Promise<void> => {
  const hook = async (name: string, source: string, more: object = {}): Promise<void> =>
    void (await ask('POST', '/hooks', {
      ...more,
      name,
      trigger: { events: [{ type: `custom.${name}` }] },
      action: { type: 'script', source },
      options: { retry: { max_attempts: 1 }, trace: true },
    }));
  await hook('good', 'export default () => ({ output: 1 });');
  await hook('bad', "export default () => { throw new Error('no'); };");
  await hook('unwilling', 'export default () => 1;', {
    condition: { script: 'export default () => false;' },
  });
  for (const name of ['good', 'bad', 'unwilling'])
    await endedRun(rest, `/hooks/${name}/runs`, await publish(`custom.${name}`), WAIT);
  await ask('DELETE', '/hooks/bad');
};

const webhooks = async (): Promise<void> => {
  const statuses = [200, 404, 410];
  await using sink = await startReceiver(
    (_request, response) => void response.writeHead(statuses.shift() ?? 200).end(),
  );
  const wanted = {
    url: sink.url,
    filters: [{ event_type: 'custom.delivered' }],
    options: { retry: { max_attempts: 1 } },
  };
  const { id } = await ask('POST', '/webhooks', wanted);
  await ask('PUT', `/webhooks/${id}`, { ...wanted, name: 'another name' });
  for (let i = 0; i < 3; i += 1)
    await endedRun(rest, `/webhooks/${id}/deliveries`, await publish('custom.delivered'), WAIT);
  await ask('DELETE', `/webhooks/${id}`);
};

it('each event that can happen does, and is seen: all but those that nothing causes yet', async () => {
  await memories();
  await files();
  await agents();
  await hooks();
  await webhooks();
  await ask('POST', '/keys', { name: 'a key', role: 'reader' });
  expect(await server.stop()).toBe(0);
  await start();
  const wanted = Object.entries(SOURCES).flatMap(([type, source]) => ('later' in source ? [] : [type]));
  const types = await seen();
  expect(wanted.filter((type) => !types.has(type))).toEqual([]);
  expect(Object.keys(SOURCES).filter((type) => types.has(type) && !wanted.includes(type))).toEqual([]);
});
