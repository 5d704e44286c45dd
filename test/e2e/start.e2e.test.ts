import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processIdentity } from '../../src/temporal/process-identity.ts';
import { startProgram, type Program } from '../support/program.ts';
import { restOf } from '../support/rest.ts';

/** `npm start` as a stranger meets it. What it heals by itself is told in test/workflow/supervisor.test.ts. */

let dir: string;
const programs: Program[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-start-'));
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.end('SIGTERM')));
  await rm(dir, { recursive: true, force: true });
});

const start = (env: Record<string, string> = {}, cwd = dir): Program => {
  const program = startProgram('dev', { cwd, env });
  programs.push(program);
  return program;
};

/** An orphan that has ended and that nobody has waited for runs no more. */
const isRunning = (pid: number): boolean => processIdentity(pid) !== undefined;
const json = async (file: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(dir, '.crucible', file), 'utf8')) as Record<string, unknown>;
/** The processes behind the supervisor: the server and Temporal. */
const pids = async (): Promise<readonly [server: number, temporal: number]> => {
  const temporal = (await json('temporal/server.lock'))['server'] as { pid: number };
  return [Number((await json('server.pid'))['pid']), temporal.pid];
};
const modeOf = async (...path: string[]): Promise<string> =>
  ((await stat(join(dir, '.crucible', ...path))).mode & 0o777).toString(8);
const note = { type: 'custom.note.imported', payload: { title: 'kept' } };

test('says where everything is and the key, is ready, refuses a second one, and leaves nothing behind', async () => {
  const dev = start();
  const url = await dev.ready();
  const said = dev.stdout();
  expect(said).toMatch(/^Crucible \d+\.\d+\.\d+$/m);
  expect(said).toContain(`${url}/api/v1`);
  expect(said).toMatch(/^Temporal UI +http:\/\/127\.0\.0\.1:\d+$/m);
  expect(said).toContain(join(dir, '.crucible', 'hooks'));
  expect(said.split('\n').at(-1)).toBe(`ready ${url}`);

  const key = (await readFile(join(dir, '.crucible', 'admin.key'), 'utf8')).trim();
  expect(key).toMatch(/^crk_/);
  expect(said.split(key)).toHaveLength(2);
  expect(dev.stderr()).not.toContain(key);
  expect(await modeOf('admin.key')).toBe('600');
  expect(await modeOf('encryption.key')).toBe('600');
  // The log is in there: nobody else of this machine reads it.
  expect(await modeOf()).toBe('700');

  const healthz = await fetch(`${url}/healthz`);
  expect([healthz.status, await healthz.json()]).toMatchObject([200, { status: 'ok' }]);
  const readyz = await fetch(`${url}/readyz`);
  expect([readyz.status, await readyz.json()]).toMatchObject([
    200,
    { status: 'ready', components: [{ state: 'ready' }, { state: 'ready' }, { state: 'ready' }] },
  ]);
  const [, ui = ''] = /^Temporal UI +(\S+)$/m.exec(said) ?? [];
  expect((await fetch(ui)).status).toBe(200);
  expect((await restOf(url, key)('POST', '/events', note)).status).toBe(201);

  const second = start();
  expect(await second.exited).toBe(78);
  expect(second.stderr()).toContain(join(dir, '.crucible'));
  expect(second.stderr()).toContain('CRUCIBLE_DATA_DIR');
  expect(second.stdout()).not.toContain('ready');
  // A server alone, without the supervisor, is refused by the lock of the data as well.
  const alone = startProgram('serve', { cwd: dir, env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
  programs.push(alone);
  expect(await alone.exited).toBe(78);
  expect(alone.stderr()).toContain(join(dir, '.crucible'));
  expect((await restOf(url, key)('GET', '/events?limit=1')).status).toBe(200);

  const behind = await pids();
  expect(behind.map(isRunning)).toEqual([true, true]);
  expect(await dev.end('SIGTERM')).toBe(0);
  expect(behind.map(isRunning)).toEqual([false, false]);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
});

test('goes on after SIGKILL with the same key, events, hooks and webhooks, and runs what was left', async () => {
  await mkdir(join(dir, '.crucible', 'hooks'), { recursive: true });
  const hook = (name: string, type: string): Promise<void> =>
    writeFile(
      join(dir, '.crucible', 'hooks', `${name}.md`),
      `---\nname: ${name}\ntrigger: { events: [{ type: ${type} }] }\naction: { type: script, source: "export default () => 1" }\n---\n`,
    );
  await hook('counted', 'custom.note.imported');
  const first = start();
  const firstUrl = await first.ready();
  const key = (await readFile(join(dir, '.crucible', 'admin.key'), 'utf8')).trim();
  const before = restOf(firstUrl, key);
  const webhook = await before('POST', '/webhooks', {
    url: 'http://127.0.0.1:9/',
    filters: [{ event_type: 'custom.never' }],
  });
  expect(webhook.status).toBe(201);
  const published: string[] = [];
  for (let i = 0; i < 20; i += 1) {
    published.push((await before('POST', '/events', note, { 'idempotency-key': `k${i}` })).body.data[0].id);
  }
  const [server] = await pids();
  first.child.kill('SIGKILL');
  expect(await first.exited).toBeNull();
  await expect.poll(() => isRunning(server), { timeout: 60_000 }).toBe(false);

  const second = start();
  const url = await second.ready();
  expect(second.stdout()).not.toContain(key);
  const rest = restOf(url, key);
  const { body } = await rest('GET', '/events?type=custom.note.imported&order=asc');
  expect(body.data.map(({ id }: { id: string }) => id)).toEqual(published);
  // What was acknowledged before is known as that, also afterwards.
  const again = await rest('POST', '/events', note, { 'idempotency-key': 'k19' });
  expect(again.body.data[0]).toMatchObject({ id: published[19], duplicate: true });
  expect((await rest('GET', `/webhooks/${webhook.body.id}`)).status).toBe(200);
  await expect
    .poll(
      async () =>
        (await rest('GET', '/hooks/counted/runs')).body.data
          .map((run: { event_id: string; state: string }) => `${run.state} ${run.event_id}`)
          .toSorted(),
      { timeout: 60_000 },
    )
    .toEqual(published.map((id) => `succeeded ${id}`).toSorted());
  const [, temporal] = await pids();
  expect(await second.end('SIGTERM')).toBe(0);
  expect(isRunning(temporal)).toBe(false);
});

test('takes a key from outside and neither prints nor stores it', async () => {
  const key = 'given-from-outside-given-from-outside-0001';
  const dev = start({ CRUCIBLE_API_KEY: key });
  const url = await dev.ready();
  expect((await restOf(url, key)('GET', '/events')).status).toBe(200);
  expect((await restOf(url, `${key}x`)('GET', '/events')).status).toBe(401);
  expect(await dev.end('SIGTERM')).toBe(0);
  expect(dev.stdout() + dev.stderr()).not.toContain(key);
  await expect(stat(join(dir, '.crucible', 'admin.key'))).rejects.toThrow('ENOENT');
});

test.each(['CRUCIBLE_PORT', 'CRUCIBLE_TEMPORAL_PORT', 'CRUCIBLE_TEMPORAL_UI_PORT'])(
  'names a taken port and %s',
  async (variable) => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const dev = start({ [variable]: String(port) });
    expect(await dev.exited).toBe(78);
    expect(dev.stderr()).toContain(String(port));
    expect(dev.stderr()).toMatch(new RegExp(`\\b${variable}\\b`));
    squatter.close();
  },
);

test('tells everything that is wrong with the configuration at once, and no secret', async () => {
  await writeFile(join(dir, 'crucible.yaml'), 'prot: 8080\nlog_level: loud\nhost: ""\n');
  const dev = start({
    CRUCIBLE_PORT: '70000',
    CRUCIBLE_TEMPORAL_PORT: 'x',
    CRUCIBLE_API_KEY: 'too-short-a-secret',
    CRUCIBLE_ENCRYPTION_KEY: 'not-32-bytes-of-secret',
    CRUCIBLE_EGRESS_ALLOW: '10.0.0.0/8,nonsense',
    CRUCIBLE_DATA_DIRR: '/tmp',
  });
  expect(await dev.exited).toBe(78);
  const said = dev.stderr();
  for (const name of [
    'crucible.yaml: prot',
    'crucible.yaml: log_level',
    'crucible.yaml: host',
    'CRUCIBLE_PORT',
    'CRUCIBLE_TEMPORAL_PORT',
    'CRUCIBLE_API_KEY',
    'CRUCIBLE_ENCRYPTION_KEY',
    'CRUCIBLE_EGRESS_ALLOW',
    'CRUCIBLE_DATA_DIRR',
  ])
    expect(said).toContain(name);
  expect(said).not.toMatch(/too-short-a-secret|not-32-bytes|at .*\.ts:\d+/);

  await writeFile(join(dir, 'crucible.yaml'), 'port: [1\n');
  const broken = start();
  expect(await broken.exited).toBe(78);
  expect(broken.stderr()).toContain('crucible.yaml');
});

test('names a directory that cannot be used, and its variable', async () => {
  await writeFile(join(dir, 'file'), '');
  // With a Temporal of one's own, nothing else would look at the directory before the server.
  for (const env of [{}, { TEMPORAL_ADDRESS: '127.0.0.1:1' }]) {
    const dev = start({ CRUCIBLE_DATA_DIR: 'file', ...env });
    expect(await dev.exited).toBe(78);
    expect(dev.stderr()).toContain(join(dir, 'file'));
    expect(dev.stderr()).toContain('CRUCIBLE_DATA_DIR');
  }
  const hooks = start({ CRUCIBLE_HOOKS_DIR: 'file' });
  expect(await hooks.exited).toBe(78);
  expect(hooks.stderr()).toContain('CRUCIBLE_HOOKS_DIR');
});
