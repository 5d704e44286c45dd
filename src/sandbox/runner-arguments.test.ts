import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runnerArguments } from './runner-arguments.ts';

const run = promisify(execFile);

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'crucible-runner-'));
  writeFileSync(join(dir, 'admin.key'), 'crk_secret');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What Node code that has got out of the isolate could do: the code of an error, or `done`. */
const attempt = async (code: string): Promise<string> => {
  const script = `try { ${code}; console.log('done'); } catch (error) { console.log(error.code); }`;
  const { stdout } = await run(process.execPath, [...runnerArguments(), '-e', script], { env: {} });
  return stdout.trim();
};

describe('code that has got out into a runner process', () => {
  it.each([
    ['reads no file of the data directory', () => `fs.readFileSync('${join(dir, 'admin.key')}')`],
    ['lists no folder', () => `fs.readdirSync('${dir}')`],
    ['reads no file of the machine', () => `fs.readFileSync('/etc/passwd')`],
    ['reads no environment of another process', () => `fs.readFileSync('/proc/${process.pid}/environ')`],
    ['writes no file', () => `fs.writeFileSync('${join(dir, 'new')}', '')`],
    ['starts no program', () => `child_process.execFileSync('/bin/true')`],
    ['starts no worker', () => `new worker_threads.Worker('1', { eval: true })`],
  ])('%s', async (_, code) => {
    expect(await attempt(code())).toBe('ERR_ACCESS_DENIED');
  });

  it('is there, or the tests above would prove nothing', async () => {
    expect(await attempt('fs.readFileSync(require.resolve("isolated-vm"))')).toBe('done');
  });
});

it('finds isolated-vm where node_modules is a link', async () => {
  const app = join(dir, 'app');
  mkdirSync(join(app, 'src'), { recursive: true });
  cpSync(import.meta.dirname, join(app, 'src', 'sandbox'), { recursive: true });
  symlinkSync(join(import.meta.dirname, '..', '..', 'node_modules'), join(app, 'node_modules'));
  const file = join(app, 'src', 'sandbox', 'runner-arguments.ts');
  const ask = `import { runnerArguments } from '${file}'; console.log(JSON.stringify(runnerArguments()))`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', ask]);
  const args = JSON.parse(stdout) as string[];
  const load = `require('node:module').createRequire('${file}')('isolated-vm'); console.log('done')`;
  expect((await run(process.execPath, [...args, '-e', load], { env: {} })).stdout.trim()).toBe('done');
});
