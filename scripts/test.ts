/**
 * `npm test`: the checks, then the tests with coverage. The last line alone is `N passed, N failed`.
 * `npm test -- <pattern>` runs the tests whose file matches the pattern, without checks and coverage.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKS } from './checks.ts';

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const run = (command: readonly string[]): number => {
  const [program = '', ...args] = command;
  const result = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error !== undefined) console.error(`${program}: ${result.error.message}`);
  return result.status ?? 1;
};

const check = (): Count => {
  let failed = 0;
  for (const { name, command } of CHECKS) {
    console.log(`\n— ${name}`);
    if (run(command) !== 0) {
      failed += 1;
      console.error(`${name} failed; alone: npx ${command.join(' ')}`);
    }
  }
  return { passed: CHECKS.length - failed, failed, skipped: 0 };
};

/** What vitest's JSON report says; a report that is missing, or that counts no test, is a failure. */
const countOf = (report: string, status: number): Count => {
  try {
    const json = JSON.parse(readFileSync(report, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
      numFailedTestSuites: number;
    };
    const failed = json.numFailedTests + (json.numFailedTests === 0 ? json.numFailedTestSuites : 0);
    const silent = status !== 0 && failed === 0 ? 1 : 0;
    return { passed: json.numPassedTests, failed: failed + silent, skipped: json.numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
};

const test = (args: readonly string[]): Count => {
  const dir = mkdtempSync(join(tmpdir(), 'crucible-test-'));
  const report = join(dir, 'report.json');
  try {
    const status = run([
      'vitest',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...args,
    ]);
    return countOf(report, status);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

const patterns = process.argv.slice(2);
const counts = patterns.length > 0 ? [test(patterns)] : [check(), test(['--coverage'])];
const total = (key: keyof Count): number => counts.reduce((sum, count) => sum + count[key], 0);
const nothing = total('passed') + total('failed') === 0;
if (nothing) console.error('no test ran: no file matches the pattern');
const failed = total('failed') + (nothing ? 1 : 0);
if (total('skipped') > 0) console.log(`${total('skipped')} skipped`);
console.log(`${total('passed')} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
