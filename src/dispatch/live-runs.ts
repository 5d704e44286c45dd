import type { Committed } from '../log/log.ts';
import { runFrom } from './rows.ts';
import { RUN_TABLE, type Run } from './run.ts';
import { isFinal } from './states.ts';

/**
 * The rows of the last runs that have not ended, as the last acknowledged commit left them.
 *
 * Guarantee: what is here is what the store says, because it is fed with every commit of the one writer, in the turn of
 * its acknowledgement. What is not here (an earlier process wrote it, or there are too many) is read from the store. Only
 * for the process that writes: another one is told of commits when they are in the store already.
 */
export interface LiveRuns {
  committed(committed: Committed): void;
  get(id: string): Run | undefined;
}

export const createLiveRuns = (capacity = 10_000): LiveRuns => {
  const rows = new Map<string, Run>();
  return {
    committed: ({ reactions, changed }) => {
      for (const { table, row } of [...reactions, ...changed]) {
        if (table !== RUN_TABLE.name) continue;
        const run = runFrom(row);
        rows.delete(run.id);
        if (!isFinal(run.state)) rows.set(run.id, run);
      }
      for (const id of rows.keys()) {
        if (rows.size <= capacity) break;
        rows.delete(id);
      }
    },
    get: (id) => rows.get(id),
  };
};
