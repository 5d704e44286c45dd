import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/*
 * Whether the check of layers sees anything at all. With a compiler that it cannot use, dependency-cruiser follows no
 * import and finds no violation, in silence: so each kind of rule is shown a project that breaks it.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = join(ROOT, 'node_modules', '.bin', 'depcruise');

let dir: string;
beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'crucible-layers-')));
  for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json'])
    await copyFile(join(ROOT, name), join(dir, name));
  await writeFile(join(dir, 'package.json'), '{"type": "module"}');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
};

/** The names of the rules that the project breaks. */
const broken = (): Promise<readonly string[]> =>
  new Promise((resolve, reject) => {
    const args = [PROGRAM, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', '.'];
    execFile(process.execPath, args, { cwd: dir, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      try {
        const report = JSON.parse(stdout) as {
          summary: { violations: readonly { rule: { name: string } }[] };
        };
        resolve(report.summary.violations.map(({ rule }) => rule.name));
      } catch {
        reject(new Error(`dependency-cruiser said no JSON: ${stderr}`, { cause: error }));
      }
    });
  });

describe('the check of layers', () => {
  it('finds nothing where imports point downwards', async () => {
    await write({
      'src/kernel/a.ts': 'export const a: number = 1;\n',
      'src/events/b.ts': "export { a } from '../kernel/a.ts';\n",
    });
    expect(await broken()).toEqual([]);
  });

  it.each([
    [
      'an import upwards',
      'kernel-imports-upwards',
      {
        'src/kernel/a.ts': "import { b } from '../events/b.ts';\nexport const a: number = b;\n",
        'src/events/b.ts': 'export const b = 1;\n',
      },
    ],
    [
      'an import upwards of a type alone',
      'events-imports-upwards',
      {
        'src/events/a.ts': "import type { B } from '../dispatch/b.ts';\nexport const a: B = 1;\n",
        'src/dispatch/b.ts': 'export type B = number;\n',
      },
    ],
    [
      'neighbours',
      'neighbours-of-log',
      {
        'src/log/a.ts': "export { b } from '../egress/b.ts';\n",
        'src/egress/b.ts': 'export const b = 1;\n',
      },
    ],
    [
      'a library outside its adapter',
      'only-surreal',
      {
        'src/log/a.ts': "export { b } from 'surrealdb';\n",
        'node_modules/surrealdb/package.json':
          '{"name": "surrealdb", "type": "module", "exports": "./index.js"}',
        'node_modules/surrealdb/index.js': 'export const b = 1;\n',
      },
    ],
    [
      'the memory log in main',
      'main-has-no-memory-log',
      {
        'src/main/a.ts': "export { b } from '../log/memory-store.ts';\n",
        'src/log/memory-store.ts': 'export const b = 1;\n',
      },
    ],
    [
      'a workflow that reaches for more than types and pure functions',
      'workflows-are-lean',
      {
        'workflows/a.ts': "export { b } from '../src/log/b.ts';\n",
        'src/log/b.ts': 'export const b = 1;\n',
      },
    ],
    ['an import of nothing', 'not-to-unresolvable', { 'src/kernel/a.ts': "export { b } from './b.ts';\n" }],
  ])('finds %s', async (_, rule, files) => {
    await write(files);
    expect(await broken()).toContain(rule);
  });
});
