import type { RunnerProcess } from './runner-process.ts';

/** A place in a runner. Exactly one of `free` and `discard` is called, once. */
interface Lease {
  readonly runner: RunnerProcess;
  /** The job ended well: the next one may have the runner. */
  free(): void;
  /** The runner went too far, or is gone: it is ended, and another takes its place. */
  discard(): void;
}

export interface RunnerPool {
  /** Waits for a runner, first come, first served. Rejects when it cannot start, when `signal` aborts, or on close. */
  acquire(signal: AbortSignal | undefined): Promise<Lease>;
  close(): Promise<void>;
}

/** A runner is replaced after so many jobs, so that nothing that leaks adds up. */
const JOBS_PER_RUNNER = 1_000;

interface Waiter {
  take(runner: RunnerProcess, jobs: number): void;
  fail(error: Error): void;
}

/**
 * At most `size` runner processes, started when they are first needed and kept. A discarded runner is replaced at once
 * while somebody waits, and otherwise when somebody comes.
 */
export const createPool = (size: number, start: () => RunnerProcess): RunnerPool => {
  const idle: { runner: RunnerProcess; jobs: number }[] = [];
  const waiting: Waiter[] = [];
  const running = new Set<RunnerProcess>();
  const ending = new Set<Promise<void>>();
  let closed = false;

  const drop = (runner: RunnerProcess): void => {
    running.delete(runner);
    const end = runner.kill().finally(() => ending.delete(end));
    ending.add(end);
  };

  /** Never rejects: whoever waits hears of it. */
  const bringUp = async (): Promise<void> => {
    const runner = start();
    running.add(runner);
    try {
      await runner.ready;
      if (!closed) idle.push({ runner, jobs: 0 });
    } catch (error) {
      drop(runner);
      // One waiter hears of it, and the next one tries again: a runner that never starts cannot loop by itself.
      waiting.shift()?.fail(error instanceof Error ? error : new Error(String(error)));
    }
    serve();
  };

  const serve = (): void => {
    while (waiting.length > 0) {
      const place = idle.pop();
      if (place === undefined) break;
      if (!place.runner.alive) {
        drop(place.runner);
        continue;
      }
      waiting.shift()?.take(place.runner, place.jobs);
    }
    // Each waiter brings one runner up, as long as there is room.
    if (waiting.length > 0 && running.size < size && !closed) void bringUp();
  };

  const leaseOf = (runner: RunnerProcess, jobs: number): Lease => ({
    runner,
    free() {
      if (closed) return;
      if (!runner.alive || jobs + 1 >= JOBS_PER_RUNNER) drop(runner);
      else idle.push({ runner, jobs: jobs + 1 });
      serve();
    },
    discard() {
      drop(runner);
      serve();
    },
  });

  return {
    acquire(signal) {
      return new Promise((resolve, reject) => {
        if (closed) {
          reject(new Error('the sandbox is closed'));
          return;
        }
        if (signal?.aborted === true) {
          reject(new Error('it was called off before a runner was free'));
          return;
        }
        const onAbort = (): void => {
          const index = waiting.indexOf(waiter);
          if (index < 0) return;
          waiting.splice(index, 1);
          reject(new Error('it was called off before a runner was free'));
        };
        const waiter: Waiter = {
          take(runner, jobs) {
            signal?.removeEventListener('abort', onAbort);
            resolve(leaseOf(runner, jobs));
          },
          fail(error) {
            signal?.removeEventListener('abort', onAbort);
            reject(error);
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        waiting.push(waiter);
        serve();
      });
    },

    async close() {
      closed = true;
      waiting.splice(0).forEach((waiter) => waiter.fail(new Error('the sandbox is closed')));
      idle.length = 0;
      [...running].forEach(drop);
      await Promise.all(ending);
    },
  };
};
