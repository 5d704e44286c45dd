import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeLock } from './server-lock.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-lock-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a lock that stands there and cannot be read is told, and not waited for', async () => {
  const path = join(dir, 'server.lock');
  await mkdir(path);
  await expect(takeLock(path, { pid: process.pid, identity: 'me' })).rejects.toMatchObject({
    code: 'EISDIR',
  });
});
