import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makePath } from './make-path.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'crucible-path-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('everything that is missing is made, by the mode, and nothing twice', () => {
  for (const _ of [1, 2]) makePath(join(dir, 'a', 'b'), { mode: 0o700 });
  expect(['a', 'a/b'].map((path) => statSync(join(dir, path)).mode & 0o777)).toEqual([0o700, 0o700]);
});

test('a link to a directory is one; a file and a link to nowhere are not', () => {
  symlinkSync(dir, join(dir, 'here'));
  makePath(join(dir, 'here', 'c'));
  expect(statSync(join(dir, 'c')).isDirectory()).toBe(true);
  writeFileSync(join(dir, 'file'), '');
  symlinkSync(join(dir, 'gone'), join(dir, 'nowhere'));
  for (const path of ['file', 'nowhere']) expect(() => makePath(join(dir, path))).toThrow(/EEXIST/);
  expect(() => makePath(join(dir, 'file', 'd'))).toThrow(/EEXIST|ENOTDIR/);
});

test.skipIf(process.platform !== 'linux')('it ends where none can be made', () => {
  expect(() => makePath('/proc/crucible/data')).toThrow(/ENOENT.*'\/proc\/crucible'/);
});
