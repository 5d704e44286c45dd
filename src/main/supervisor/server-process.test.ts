import { on, once } from 'node:events';
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../kernel/logger.ts';
import { isAlive, processIdentity } from '../../temporal/process-identity.ts';
import { serverProcess } from './server-process.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-supervisor-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A real child: says what it was given, gets ready, ends as it is told. */
const SERVER = `
  const given = process.env.CRUCIBLE_PORT || '45678';
  const port = given === '0' ? 20000 + process.pid % 40000 : given;
  console.log('temporal ' + process.env.TEMPORAL_ADDRESS);
  console.log('pid ' + process.pid);
  process.on('SIGTERM', () => { if (process.env.STUBBORN) return; console.log('draining'); process.exit(0); });
  process.on('disconnect', () => process.exit(9));
  console.log('ready http://127.0.0.1:' + port);
  setInterval(() => {}, 1000);
`;

const server = async (env: Record<string, string> = {}, stopTimeoutMs = 30_000) => {
  const script = join(dir, 'serve.cjs');
  await writeFile(script, SERVER);
  const lines: string[] = [];
  const recordFile = join(dir, 'data', 'server.pid');
  const start = serverProcess({
    script: [script],
    env: () => ({ PATH: process.env['PATH'], TEMPORAL_ADDRESS: '127.0.0.1:7233', ...env }),
    recordFile,
    print: (line) => lines.push(line),
    logger: silentLogger,
    stopTimeoutMs,
  });
  return { start, lines, recordFile };
};

test('passes the environment on, is ready, drains when it is stopped', async () => {
  const { start, lines, recordFile } = await server();
  const child = await start();
  await child.ready;
  expect(lines).toContain('temporal 127.0.0.1:7233');
  expect(lines.at(-1)).toBe('ready http://127.0.0.1:45678');
  expect(JSON.parse(await readFile(recordFile, 'utf8'))).toMatchObject({ ownerPid: process.pid });
  child.stop();
  expect(await child.exited).toBe(0);
  expect(lines.at(-1)).toBe('draining');
  expect(existsSync(recordFile)).toBe(false);
});

test('a port that was picked is used again after a restart', async () => {
  const { start, lines } = await server({ CRUCIBLE_PORT: '0' });
  const first = await start();
  await first.ready;
  const picked = lines.at(-1);
  expect(picked).toMatch(/^ready /);
  first.kill();
  expect(await first.exited).toBeNull();
  const second = await start();
  await second.ready;
  expect(lines.filter((line) => line.startsWith('pid '))).toHaveLength(2);
  expect(lines.at(-1)).toBe(picked);
  second.kill();
  await second.exited;
});

test('one that does not end when asked is killed', async () => {
  const { start } = await server({ STUBBORN: '1' }, 50);
  const child = await start();
  await child.ready;
  child.stop();
  expect(await child.exited).toBeNull();
});

test('the server of a supervisor that was killed is ended before a new one starts', async () => {
  const { start, recordFile } = await server();
  // A supervisor of its own process, which starts the server and is killed.
  const supervisor = join(dir, 'supervisor.mjs');
  await writeFile(join(dir, 'stubborn.cjs'), `${SERVER}\nprocess.removeAllListeners('disconnect');`);
  await writeFile(
    supervisor,
    `import { serverProcess } from ${JSON.stringify(new URL('server-process.ts', import.meta.url).href)};
     const quiet = { debug() {}, info() {}, warn() {}, error() {}, child() { return quiet; } };
     const child = await serverProcess({ script: [${JSON.stringify(join(dir, 'stubborn.cjs'))}], env: () => process.env,
       recordFile: ${JSON.stringify(recordFile)}, print: (line) => process.send(line), logger: quiet, stopTimeoutMs: 5000 })();
     await child.ready;
     process.send('up');`,
  );
  const parent = fork(supervisor, { stdio: 'inherit' });
  let orphan = 0;
  for await (const [message] of on(parent, 'message')) {
    if (String(message).startsWith('pid ')) orphan = Number(String(message).slice(4));
    if (message === 'up') break;
  }
  const identity = processIdentity(orphan);
  expect(identity).toBeDefined();
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  expect(isAlive(orphan, identity ?? '')).toBe(true);

  const child = await start();
  expect(isAlive(orphan, identity ?? '')).toBe(false);
  child.kill();
  await child.exited;
});
