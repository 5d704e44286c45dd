import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const PRELOAD = fileURLToPath(new URL('without-watchdog.ts', import.meta.url));

/** Code that takes longer than its time-out, in a worker thread, as the SDK runs workflow code. */
const WORKER = `
  const vm = require('node:vm');
  const script = new vm.Script('const end = Date.now() + 100; while (Date.now() < end); "finished"');
  try {
    console.log(script.runInContext(vm.createContext({ Date }), { timeout: 5, displayErrors: true }));
  } catch (error) {
    console.log(error.code);
  }
`;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-watchdog-'));
  await writeFile(join(dir, 'worker.cjs'), WORKER);
  await writeFile(
    join(dir, 'main.cjs'),
    `new (require('node:worker_threads').Worker)('${join(dir, 'worker.cjs')}');`,
  );
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test.each([
  ['with the preload a time-out of the VM is not kept', ['--import', PRELOAD], 'finished'],
  ['without it, it is', [], 'ERR_SCRIPT_EXECUTION_TIMEOUT'],
])('%s', async (_, args, printed) => {
  const { stdout } = await run(process.execPath, [...args, join(dir, 'main.cjs')]);
  expect(stdout.trim()).toBe(printed);
});
