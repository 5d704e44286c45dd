import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../kernel/logger.ts';
import { isFromRunner } from './protocol.ts';
import type { FromRunner, ToRunner } from './protocol.ts';
import { runnerArguments } from './runner-arguments.ts';

/** What is under way in a runner hears of this. */
interface JobListener {
  message(message: FromRunner): void;
  /** The process is gone; nothing follows. `outOfMemory`: it died as V8 dies when a heap is full. */
  gone(how: { readonly message: string; readonly outOfMemory: boolean }): void;
}

/** One runner process. States: starting -> idle <-> busy -> gone (from any). */
export interface RunnerProcess {
  /** Resolves when the runner can take a job; rejects with the reason if it ended before. */
  readonly ready: Promise<void>;
  readonly alive: boolean;
  readonly pid: number | undefined;
  /** Gives it a job; only one at a time. */
  begin(message: ToRunner, listener: JobListener): void;
  reply(message: ToRunner): void;
  /** The job is over: what the runner still says of it is not heard. */
  end(): void;
  /** SIGKILL: whatever it does, it stops. Resolves when it is gone. */
  kill(): Promise<void>;
}

interface RunnerOptions {
  readonly nodePath: string;
  readonly logger: Logger;
}

/** Beside this file, and of its kind: `.ts` in the sources, `.js` in the built package. */
const RUNNER = fileURLToPath(new URL(`./runner${extname(fileURLToPath(import.meta.url))}`, import.meta.url));

/** Enough to see why a runner ended. */
const STDERR_LENGTH = 4 * 1024;

export const startRunner = ({ nodePath, logger }: RunnerOptions): RunnerProcess => {
  const child: ChildProcess = fork(RUNNER, [], {
    execPath: nodePath,
    execArgv: [...runnerArguments()],
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'json',
  });
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  // Whoever waits for a place hears of it; nobody may be waiting.
  ready.promise.catch(() => undefined);
  let alive = true;
  let listener: JobListener | undefined;
  let stderr = '';

  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_LENGTH);
  });

  child.on('message', (message: unknown) => {
    if (!isFromRunner(message)) return;
    if (message.type === 'ready') ready.resolve();
    else listener?.message(message);
  });

  const gone = (message: string, outOfMemory: boolean): void => {
    if (!alive) return;
    alive = false;
    ready.reject(new Error(message));
    const hearing = listener;
    listener = undefined;
    hearing?.gone({ message, outOfMemory });
    exited.resolve();
  };

  child.on('error', (error) => {
    // Also raised when a message cannot be sent to a process that is ending: its exit follows.
    logger.warn({ error: error.message, pid: child.pid }, 'script runner failed');
    if (child.pid === undefined) gone(`the runner could not be started: ${error.message}`, false);
  });
  child.on('close', (code, signal) => {
    const outOfMemory =
      ['SIGABRT', 'SIGTRAP', 'SIGILL', 'SIGSEGV'].includes(signal ?? '') || /out of memory|OOM/i.test(stderr);
    if (signal !== 'SIGKILL' && code !== 0)
      logger.warn({ pid: child.pid, code, signal, stderr }, 'script runner ended by itself');
    gone(`the runner process ended (${signal ?? `exit code ${code}`})`, outOfMemory);
  });

  const send = (message: ToRunner): void => {
    // A runner that is gone, or going, says so through `close`.
    if (alive && child.connected) child.send(message, () => undefined);
  };

  return {
    ready: ready.promise,
    get alive() {
      return alive;
    },
    get pid() {
      return child.pid;
    },
    begin(message, hearing) {
      listener = hearing;
      send(message);
    },
    reply: send,
    end() {
      listener = undefined;
    },
    async kill() {
      if (alive) child.kill('SIGKILL');
      await exited.promise;
    },
  };
};
