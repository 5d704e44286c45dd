import { createRequire } from 'node:module';
import type { Worker as Thread } from 'node:worker_threads';

/** The object whose `Worker` the SDK takes when it starts its threads: an `import` would give a copy. */
const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Thread };

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const PRELOAD = new URL(`./without-watchdog.${extension}`, import.meta.url).href;

/** The SDK's program of a thread that workflow code runs in. */
const PROGRAM = /[\\/]workflow-worker-thread\.js$/;

/** What this process itself was told to load first: a thread that is given options has no others. */
const preloadsOf = (args: readonly string[]): readonly string[] =>
  args.flatMap((arg, index) => {
    if (/^(?:--import|--require|-r)$/.test(arg)) return [arg, args[index + 1] ?? ''];
    return /^--(?:import|require)=/.test(arg) ? [arg] : [];
  });

/**
 * Has the threads for workflow code that `create` starts run without a watchdog ([why](without-watchdog.ts)), whichever
 * program this is and however it was started. Whatever else starts threads meanwhile is left alone.
 */
export const withoutWatchdog = async <T>(create: () => Promise<T>): Promise<T> => {
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(...[file, options]: ConstructorParameters<typeof Thread>) {
      const execArgv = [...preloadsOf(process.execArgv), '--import', PRELOAD];
      super(file, PROGRAM.test(String(file)) ? { ...options, execArgv } : options);
    }
  };
  try {
    return await create();
  } finally {
    threads.Worker = Worker;
  }
};
