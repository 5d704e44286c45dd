import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { TemporalBinary } from '../../src/temporal/binary.ts';
import { startDevServer } from '../../src/temporal/dev-server.ts';
import type { DevServer, DevServerOptions } from '../../src/temporal/dev-server.ts';
import { probeTemporal } from '../../src/temporal/probe.ts';
import { isAlive, processIdentity } from '../../src/temporal/process-identity.ts';
import { testBinary } from '../support/temporal-server.ts';

const namespace = 'orphanage';
let binary: TemporalBinary;
let dir: string;
const started: DevServer[] = [];

beforeAll(async () => {
  binary = await testBinary();
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-dev-server-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  await rm(dir, { recursive: true, force: true });
});

const start = async (options: Partial<DevServerOptions> = {}): Promise<DevServer> => {
  const server = await startDevServer({
    binary,
    dataDir: dir,
    port: 0,
    uiPort: 0,
    namespace,
    logger: silentLogger,
    ...options,
  });
  started.push(server);
  return server;
};

interface Orphan {
  readonly pid: number;
  readonly address: string;
  readonly uiUrl: string;
  readonly identity: string;
}

/** A dev server whose supervisor was killed. */
const orphan = async (version = binary.version): Promise<Orphan> => {
  const script = fileURLToPath(new URL('../support/temporal-orphan.ts', import.meta.url));
  const parent = fork(script, [binary.path, version, dir, namespace]);
  const [message] = (await once(parent, 'message')) as [Omit<Orphan, 'identity'>];
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  return { ...message, identity: processIdentity(message.pid) ?? '' };
};

test('serves on loopback, with its web page, and ends when it is stopped', async () => {
  const server = await start();
  expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(await probeTemporal(server.address, namespace, 5_000)).toBe('serving');
  expect(await probeTemporal(server.address, 'no-such-namespace', 5_000)).toMatch(/not found/i);
  expect((await fetch(server.uiUrl)).status).toBe(200);
  await server.stop();
  await server.exited;
  expect(processIdentity(server.pid)).toBeUndefined();
  expect(await probeTemporal(server.address, namespace, 5_000)).toMatch(/ECONNREFUSED/);
});

test('an orphan is taken over, on its ports, and can be stopped', async () => {
  const left = await orphan();
  expect(isAlive(left.pid, left.identity)).toBe(true);
  const server = await start();
  expect(server).toMatchObject({ adopted: true, pid: left.pid, address: left.address, uiUrl: left.uiUrl });
  await server.stop();
  expect(isAlive(left.pid, left.identity)).toBe(false);
});

test('an orphan of another version is ended before a new one starts', async () => {
  const left = await orphan('1.0.0');
  const server = await start();
  expect(server.adopted).toBe(false);
  expect(isAlive(left.pid, left.identity)).toBe(false);
});

test('an orphan that does not answer is killed', async () => {
  const left = await orphan();
  process.kill(left.pid, 'SIGSTOP');
  const server = await start({ stopTimeoutMs: 100 });
  expect(server.adopted).toBe(false);
  expect(isAlive(left.pid, left.identity)).toBe(false);
}, 60_000);

test('a lock that names a pid which another process has by now is nothing', async () => {
  await mkdir(join(dir, 'temporal'));
  const reused = { pid: process.pid, identity: 'an earlier process' };
  const lock = {
    owner: reused,
    server: { ...reused, port: 1, uiPort: 2, version: binary.version, namespace },
  };
  await writeFile(join(dir, 'temporal', 'server.lock'), JSON.stringify(lock));
  expect((await start()).adopted).toBe(false);
});

test('a lock that cannot be read is nothing', async () => {
  await mkdir(join(dir, 'temporal'));
  await writeFile(join(dir, 'temporal', 'server.lock'), '{"owner":');
  expect((await start()).adopted).toBe(false);
});

test('a second supervisor on the same directory is refused, and the first one stays', async () => {
  const server = await start();
  await expect(start()).rejects.toMatchObject({ code: 'data_dir_locked' });
  expect(await probeTemporal(server.address, namespace, 5_000)).toBe('serving');
});

test('after it ended by itself it can be started again, with what it knew', async () => {
  const first = await start();
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  const second = await start({ port: Number(first.address.split(':')[1]) });
  expect(second.adopted).toBe(false);
  expect(second.address).toBe(first.address);
});

test('a taken port is told, with the variable to set', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const { port } = squatter.address() as AddressInfo;
  await expect(start({ port })).rejects.toMatchObject({
    code: 'port_in_use',
    message: expect.stringContaining(String(port)),
    hint: expect.stringContaining('CRUCIBLE_TEMPORAL_PORT'),
  });
  await expect(start({ uiPort: port })).rejects.toMatchObject({
    code: 'port_in_use',
    hint: expect.stringContaining('CRUCIBLE_TEMPORAL_UI_PORT'),
  });
  squatter.close();
  await once(squatter, 'close');
  // Nothing was left behind that would stand in the way.
  expect((await start({ port })).address).toBe(`127.0.0.1:${port}`);
});

test('a program that ends at once is told, with its own words', async () => {
  const path = join(dir, 'broken');
  await writeFile(path, '#!/bin/sh\necho "cannot open the database" >&2\nexit 3\n', { mode: 0o755 });
  await expect(start({ binary: { path, version: '1.9.1' } })).rejects.toMatchObject({
    code: 'temporal_unavailable',
    message: expect.stringContaining('cannot open the database'),
  });
});

test('a port that was lost to another program is replaced by a fresh one', async () => {
  const path = join(dir, 'unlucky');
  const tries = join(dir, 'tries');
  const lost = 'echo "listen tcp 127.0.0.1:1: bind: address already in use" >&2; exit 1';
  await writeFile(
    path,
    `#!/bin/sh\necho x >> ${tries}\n[ $(wc -l < ${tries}) -gt 1 ] || { ${lost}; }\nexec ${binary.path} "$@"\n`,
    { mode: 0o755 },
  );
  const server = await start({ binary: { path, version: binary.version } });
  expect(await probeTemporal(server.address, namespace, 5_000)).toBe('serving');
  expect((await readFile(tries, 'utf8')).trim().split('\n')).toHaveLength(2);
});

test('a program that never serves is given up and ended', async () => {
  const path = join(dir, 'silent');
  const pidFile = join(dir, 'pid');
  await writeFile(path, `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 600\n`, { mode: 0o755 });
  await expect(start({ binary: { path, version: '1.9.1' }, startTimeoutMs: 500 })).rejects.toMatchObject({
    code: 'temporal_unavailable',
  });
  expect(processIdentity(Number(await readFile(pidFile, 'utf8')))).toBeUndefined();
});
