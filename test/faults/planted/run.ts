/**
 * Plants one fault after the other in a copy of this repository, and runs the tests that must fail of it.
 * Usage: node test/faults/planted/run.ts [part of a fault's name]. Ends with 1 when a fault survives.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { argv, execPath, exit, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { PLANTED_FAULTS, type PlantedFault } from './faults.ts';
import { planted } from './planted.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LEFT_OUT = new Set(['node_modules', '.git', '.crucible', 'coverage', 'dist']);
const say = (line: string): void => void stdout.write(`${line}\n`);

const copyTree = async (to: string): Promise<void> => {
  const wanted = (path: string): boolean => !LEFT_OUT.has(relative(ROOT, path).split(sep)[0] ?? '');
  await cp(ROOT, to, { recursive: true, filter: wanted });
  await symlink(join(ROOT, 'node_modules'), join(to, 'node_modules'));
};

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

/** What became of the tests whose titles begin so: `failed`, `passed`, or another word of the runner. */
const outcomesOf = async (
  dir: string,
  { file, test }: PlantedFault['red'][number],
): Promise<readonly string[]> => {
  const report = join(dir, 'report.json');
  await rm(report, { force: true });
  const pattern = test.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const { stderr } = spawnSync(
    execPath,
    [vitest, 'run', file, '-t', pattern, '--reporter=json', `--outputFile=${report}`],
    { cwd: dir, encoding: 'utf8' },
  );
  const text = await readFile(report, 'utf8').catch(() => {
    throw new Error(`the tests of ${file} could not be run: ${stderr}`);
  });
  const { testResults } = JSON.parse(text) as Report;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .flatMap(({ title, status }) => (title.startsWith(test) ? [status] : []));
};

/** The tests of this fault that do not fail. */
const survives = async (dir: string, fault: PlantedFault): Promise<readonly string[]> => {
  const originals = new Map<string, string>();
  for (const edit of fault.edits) {
    const path = join(dir, edit.file);
    const text = await readFile(path, 'utf8');
    if (!originals.has(path)) originals.set(path, text);
    await writeFile(path, planted(text, edit));
  }
  try {
    const green: string[] = [];
    for (const red of fault.red) {
      const outcomes = await outcomesOf(dir, red);
      const failed = outcomes.length > 0 && outcomes.every((outcome) => outcome === 'failed');
      say(
        `  ${failed ? 'red, as it must be' : `NOT RED (${outcomes.join(', ') || 'no such test'})`}: ${red.test}`,
      );
      if (!failed) green.push(red.test);
    }
    return green;
  } finally {
    for (const [path, text] of originals) await writeFile(path, text);
  }
};

const [, , part = ''] = argv;
const dir = await mkdtemp(join(tmpdir(), 'crucible-planted-'));
let survived = 0;
try {
  const tree = join(dir, 'tree');
  await copyTree(tree);
  for (const fault of PLANTED_FAULTS.filter(({ name }) => name.includes(part))) {
    say(fault.name);
    if ((await survives(tree, fault)).length > 0) survived += 1;
  }
} finally {
  await rm(dir, { recursive: true, force: true });
}
say(survived === 0 ? 'every planted fault was caught' : `${survived} planted faults were not caught`);
exit(survived === 0 ? 0 : 1);
