import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadEncryptionKey } from './encryption-key.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'crucible-key-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('makes a key once, for its owner only, and leaves nothing else behind', () => {
  const path = join(dir, 'data', 'encryption.key');
  const key = loadEncryptionKey(undefined, path);
  expect(key).toHaveLength(32);
  expect(loadEncryptionKey(undefined, path)).toEqual(key);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(dir, 'data'))).toEqual(['encryption.key']);
});

it('takes the given one, and writes nothing', () => {
  const given = Buffer.alloc(32, 7);
  expect(loadEncryptionKey(given.toString('base64'), join(dir, 'encryption.key'))).toEqual(given);
  expect(readdirSync(dir)).toEqual([]);
});

it.each(['', 'c2hvcnQ='])('refuses a file that holds something else (%j), and leaves it alone', (text) => {
  const path = join(dir, 'encryption.key');
  writeFileSync(path, text);
  expect(() => loadEncryptionKey(undefined, path)).toThrow(
    expect.objectContaining({ code: 'config_invalid' }) as Error,
  );
  expect(readFileSync(path, 'utf8')).toBe(text);
});
