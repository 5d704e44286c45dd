import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { CrucibleError } from '../../kernel/errors.ts';
import type { FromThread, Outcome, Task, ToThread } from './protocol.ts';
import type { Snapshot } from './snapshot.ts';

/** Computes on a thread of its own, so that the server goes on meanwhile. */
export interface Analyst {
  /**
   * @param snapshot its numbers are handed over: they are gone afterwards
   * @throws CrucibleError `internal` when the computation failed or the thread ended
   */
  run(task: Task, snapshot: Snapshot): Promise<Outcome>;
  /** Ends the thread; what is under way fails. */
  close(): Promise<void>;
}

/** Beside this file, and of its kind: `.ts` in the sources, `.js` in the built package. */
const THREAD = new URL(`./thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

/** The thread starts with the first task, and again with the next one if it has ended; it does not keep the process. */
export const createAnalyst = (): Analyst => {
  const waiting = new Map<number, PromiseWithResolvers<Outcome>>();
  let last = 0;
  let worker: Worker | undefined;
  let closed = false;

  const failAll = (cause: unknown): void => {
    worker = undefined;
    for (const { reject } of waiting.values())
      reject(new CrucibleError('internal', 'The computation on the graph was broken off', { cause }));
    waiting.clear();
  };

  const start = (): Worker => {
    const started = new Worker(THREAD, { execArgv: [], env: {}, name: 'graph-analysis' });
    started.on('message', (message: FromThread) => {
      const asked = waiting.get(message.id);
      waiting.delete(message.id);
      if (waiting.size === 0) started.unref();
      if ('outcome' in message) asked?.resolve(message.outcome);
      else
        asked?.reject(
          new CrucibleError('internal', `The computation on the graph failed: ${message.failure}`),
        );
    });
    started.on('error', failAll);
    started.on('exit', (code) => {
      if (worker === started) failAll(new Error(`the thread ended with ${code}`));
    });
    return started;
  };

  return {
    async run(task, { ids, ...graph }) {
      if (closed) throw new CrucibleError('internal', 'The computation on the graph was broken off');
      const message: ToThread = { id: (last += 1), task, order: ids.length, graph };
      const asked = Promise.withResolvers<Outcome>();
      waiting.set(message.id, asked);
      worker ??= start();
      worker.ref();
      worker.postMessage(message, [graph.from.buffer, graph.to.buffer, graph.weights.buffer]);
      return asked.promise;
    },
    async close() {
      closed = true;
      const ending = worker;
      failAll(new Error('the server is closing'));
      await ending?.terminate();
    },
  };
};
