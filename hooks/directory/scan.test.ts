import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readScriptFile } from '../file/script-file.ts';
import { listHookFiles, readHookText } from './scan.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'hooks-scan-'));
  mkdirSync(path.join(root, 'folder.js'));
  symlinkSync('folder.js', path.join(root, 'folder.md'));
  symlinkSync('/dev/zero', path.join(root, 'device.md'));
  symlinkSync('pipe.md', path.join(root, 'linked.md'));
  symlinkSync('round.md', path.join(root, 'round.md'));
  writeFileSync(path.join(root, 'good.md'), 'text');
  execFileSync('sh', ['-c', 'mkfifo pipe.md pipe.js'], { cwd: root });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('what is no plain file', () => {
  it('is found, and told of without being opened', async () => {
    const files = await listHookFiles(root);
    const read = await Promise.all(
      files.map(async (file) => {
        const text = await readHookText(root, file);
        return [file, text.kind === 'unreadable' ? text.issue.message : text.kind];
      }),
    );
    expect(Object.fromEntries(read)).toEqual({
      'device.md': 'the file is a link that leads out of the hook directory',
      'folder.md': 'this is not a file',
      'good.md': 'text',
      'linked.md': 'this is not a file',
      'pipe.md': 'this is not a file',
      'round.md': 'gone',
    });
  });

  it.each(['pipe.js', 'folder.js'])('is no script either: %s', async (name) => {
    const { source, issues } = await readScriptFile({ root, folder: root }, name, 'action.script');
    expect([source, issues.map(({ message }) => message)]).toEqual([
      undefined,
      [`\`${name}\` is not a file`],
    ]);
  });
});
