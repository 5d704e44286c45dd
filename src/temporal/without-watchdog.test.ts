import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const THREADS = new URL('workflow-threads.ts', import.meta.url).href;
const sdk = createRequire(import.meta.url);

/** Code that takes longer than its time-out, in a worker thread, as the SDK runs workflow code. */
const WORKER = `
  const vm = require('node:vm');
  const script = new vm.Script('const end = Date.now() + 100; while (Date.now() < end); "finished"');
  try {
    console.log(script.runInContext(vm.createContext({ Date }), { timeout: 5, displayErrors: true }));
  } catch (error) {
    console.log(error.code);
  }
  if (globalThis.preloaded) console.log(globalThis.preloaded);
`;
/** The SDK is CommonJS, and starts its threads like this. */
const START = `
  const threads = require('node:worker_threads');
  exports.start = async (file) => new threads.Worker(file);
`;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-watchdog-'));
  // The name that the threads of the SDK go by.
  const name = basename(sdk.resolve('@temporalio/worker/lib/workflow/workflow-worker-thread'));
  await writeFile(join(dir, name), WORKER);
  await writeFile(join(dir, 'other.js'), WORKER);
  await writeFile(join(dir, 'start.cjs'), START);
  await writeFile(join(dir, 'first.cjs'), 'globalThis.preloaded = "the preload of the process is there";');
  await writeFile(
    join(dir, 'main.mjs'),
    `import { withoutWatchdog } from '${THREADS}';
     import { start } from './start.cjs';
     const file = process.argv[2] === 'other' ? 'other.js' : '${name}';
     const create = () => start(new URL(file, import.meta.url).pathname);
     await (process.argv[2] === 'with' ? create() : withoutWatchdog(create));`,
  );
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test.each([
  ['without a watchdog a time-out of the VM is not kept', 'without', [], 'finished'],
  ['with it, it is', 'with', [], 'ERR_SCRIPT_EXECUTION_TIMEOUT'],
  ['threads of others keep theirs', 'other', [], 'ERR_SCRIPT_EXECUTION_TIMEOUT'],
  [
    'what the process loads first, its threads load too',
    'without',
    ['--require', './first.cjs'],
    'finished\nthe preload of the process is there',
  ],
])('%s', async (_, what, args, printed) => {
  const { stdout } = await run(process.execPath, [...args, join(dir, 'main.mjs'), what], { cwd: dir });
  expect(stdout.trim()).toBe(printed);
});
