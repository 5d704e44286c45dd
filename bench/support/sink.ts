import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Local receivers of requests, each an origin of its own. */
export interface Sink {
  readonly urls: readonly string[];
  /** Requests that were answered so far. */
  count(): number;
  /** When the first request with `"n":<n>` in its body had come, on the clock of `process.hrtime`; undefined: it has not. ns */
  arrivedAt(n: number): bigint | undefined;
  close(): Promise<void>;
}

/**
 * Opens receivers that answer 204, in a thread of their own, so that they take no time from the sender's.
 * @param options.numbers how many arrivals are noted: those of the numbers below it
 */
export const openSink = async (options: {
  readonly receivers: number;
  readonly numbers?: number;
}): Promise<Sink> => {
  const arrivals = new BigInt64Array(
    new SharedArrayBuffer((options.numbers ?? 0) * BigInt64Array.BYTES_PER_ELEMENT),
  );
  const count = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const thread = new Worker(new URL('sink-thread.ts', import.meta.url), {
    workerData: { receivers: options.receivers, arrivals, count },
  });
  const [ports] = (await once(thread, 'message')) as [readonly number[]];
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}/`),
    count: () => Atomics.load(count, 0),
    arrivedAt: (n) => {
      const at = Atomics.load(arrivals, n);
      return at === 0n ? undefined : at;
    },
    close: async () => void (await thread.terminate()),
  };
};
