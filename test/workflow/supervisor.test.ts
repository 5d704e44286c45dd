import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processIdentity } from '../../src/temporal/process-identity.ts';

/** `npm start` as it is: the supervisor, a real Temporal, the real server. */

let dir: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-dev-'));
});
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }
  await rm(dir, { recursive: true, force: true });
});

interface Supervisor {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly errors: () => string;
  /** Waits for a line on stdout or stderr that is not among those that an earlier wait has passed. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
}

const supervisor = (env: Record<string, string> = {}): Supervisor => {
  const script = fileURLToPath(new URL('../../src/main/dev.ts', import.meta.url));
  const free = { CRUCIBLE_PORT: '0', CRUCIBLE_TEMPORAL_PORT: '0', CRUCIBLE_TEMPORAL_UI_PORT: '0' };
  const { TEMPORAL_ADDRESS: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [script], { cwd: dir, env: { ...inherited, ...free, ...env } });
  started.push(child);
  const lines: string[] = [];
  let wake = (): void => undefined;
  let ended = false;
  const collect = (stream: Readable): void =>
    void createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      wake();
    });
  collect(child.stdout);
  collect(child.stderr);
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      ended = true;
      wake();
      resolve(code);
    });
  });
  let passed = 0;
  return {
    child,
    exited,
    errors: () => lines.join('\n'),
    async line(pattern) {
      for (;;) {
        while (passed < lines.length) {
          const found = pattern.exec(lines[passed] ?? '');
          passed += 1;
          if (found !== null) return found;
        }
        if (ended) throw new Error(`it ended before it said ${String(pattern)}:\n${lines.join('\n')}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
};

const READY = /^ready (http:\S+)$/;
const lockFile = (): string => join(dir, '.crucible', 'temporal', 'server.lock');
const pidIn = async (file: string, part?: string): Promise<number> => {
  const value = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  const { pid } = (part === undefined ? value : value[part]) as { pid: number };
  return pid;
};
const temporalPid = (): Promise<number> => pidIn(lockFile(), 'server');
const serverPid = (): Promise<number> => pidIn(join(dir, '.crucible', 'server.pid'));

test('starts, heals each child, and ends with 0, leaving nothing behind', async () => {
  const dev = supervisor();
  const [, url = ''] = await dev.line(READY);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);

  const temporal = await temporalPid();
  process.kill(temporal, 'SIGKILL');
  await dev.line(/Temporal is up/);
  expect(await temporalPid()).not.toBe(temporal);

  const server = await serverPid();
  process.kill(server, 'SIGKILL');
  const [, again] = await dev.line(READY);
  expect(again).toBe(url);
  expect(await serverPid()).not.toBe(server);

  const last = [await temporalPid(), await serverPid()];
  dev.child.kill('SIGTERM');
  expect(await dev.exited).toBe(0);
  expect(last.map((pid) => processIdentity(pid))).toEqual([undefined, undefined]);
  expect(existsSync(lockFile())).toBe(false);
});

test('after it was killed, the next one goes on with the same Temporal', async () => {
  const first = supervisor();
  await first.line(READY);
  const temporal = await temporalPid();
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');

  const second = supervisor();
  await second.line(/took over the Temporal server/);
  await second.line(READY);
  expect(await temporalPid()).toBe(temporal);
  second.child.kill('SIGINT');
  expect(await second.exited).toBe(0);
  expect(processIdentity(temporal)).toBeUndefined();
});

test('a second one on the same directory is refused, and the first one is not disturbed', async () => {
  const first = supervisor();
  const [, url = ''] = await first.line(READY);
  const second = supervisor();
  expect(await second.exited).toBe(78);
  expect(second.errors()).toContain('CRUCIBLE_DATA_DIR');
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
});

test('what a person must mend is told once, with exit code 78', async () => {
  const wrong = supervisor({ CRUCIBLE_PORT: '70000' });
  expect(await wrong.exited).toBe(78);
  expect(wrong.errors()).toContain('CRUCIBLE_PORT');

  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const port = String((squatter.address() as AddressInfo).port);
  const temporalTaken = supervisor({ CRUCIBLE_TEMPORAL_PORT: port });
  expect(await temporalTaken.exited).toBe(78);
  expect(temporalTaken.errors()).toContain('CRUCIBLE_TEMPORAL_PORT');

  const serverTaken = supervisor({ CRUCIBLE_PORT: port });
  expect(await serverTaken.exited).toBe(78);
  expect(serverTaken.errors()).toContain('CRUCIBLE_PORT');
  expect(existsSync(lockFile())).toBe(false);
  squatter.close();
});
