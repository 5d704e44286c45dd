import type { Log } from '../log/log.ts';
import { RUN_TABLE, type Run } from '../dispatch/run.ts';

/** A run that has ended in its generation, whatever way. */
export const hasEnded = (run: Pick<Run, 'finished_at'>): boolean => run.finished_at !== null;

/** Waits for the end of runs, by following the commits. */
export interface RunWatch {
  /**
   * Resolves when the run has ended or the time is over, whichever comes first.
   * @param isOver asked once, after the watch has begun: an end before that is not missed
   */
  untilEnded(runId: string, timeoutMs: number, isOver: () => Promise<boolean>): Promise<void>;
}

export const createRunWatch = (log: Pick<Log, 'onCommit'>): RunWatch => {
  const waiting = new Map<string, Set<() => void>>();
  log.onCommit(({ changed }) => {
    if (waiting.size === 0) return;
    for (const { table, row } of changed) {
      if (table !== RUN_TABLE.name || row['finished_at'] === null) continue;
      for (const wake of waiting.get(row.id) ?? []) wake();
    }
  });

  return {
    untilEnded: async (runId, timeoutMs, isOver) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wakers = waiting.get(runId) ?? new Set();
      waiting.set(runId, wakers.add(resolve));
      const timer = setTimeout(resolve, timeoutMs);
      try {
        if (!(await isOver())) await promise;
      } finally {
        clearTimeout(timer);
        wakers.delete(resolve);
        if (wakers.size === 0) waiting.delete(runId);
      }
    },
  };
};
