import type { Log } from '../log/log.ts';
import { RUN_TABLE, type Run } from '../dispatch/run.ts';

/** A run that has ended in its generation, whatever way. */
export const hasEnded = (run: Pick<Run, 'finished_at'>): boolean => run.finished_at !== null;

/** Waits for the end of runs, by following the commits. */
export interface RunWatch {
  /**
   * Resolves when the run has ended, the time is over or this process is asked to stop, whichever comes first.
   * @param isOver asked once, after the watch has begun: an end before that is not missed
   */
  untilEnded(runId: string, timeoutMs: number, isOver: () => Promise<boolean>): Promise<void>;
}

/** @param stop aborted when this process is asked to stop: who only waits must not keep others from taking its place */
export const createRunWatch = (log: Pick<Log, 'onCommit'>, stop?: AbortSignal): RunWatch => {
  const waiting = new Map<string, Set<() => void>>();
  log.onCommit(({ changed }) => {
    if (waiting.size === 0) return;
    for (const { table, row } of changed) {
      if (table !== RUN_TABLE.name || row['finished_at'] === null) continue;
      for (const wake of waiting.get(row.id) ?? []) wake();
    }
  });
  stop?.addEventListener('abort', () => {
    for (const wakers of waiting.values()) for (const wake of wakers) wake();
  });

  return {
    untilEnded: async (runId, timeoutMs, isOver) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wakers = waiting.get(runId) ?? new Set();
      waiting.set(runId, wakers.add(resolve));
      const timer = setTimeout(resolve, timeoutMs);
      try {
        if (!(await isOver()) && stop?.aborted !== true) await promise;
      } finally {
        clearTimeout(timer);
        wakers.delete(resolve);
        if (wakers.size === 0) waiting.delete(runId);
      }
    },
  };
};
