import type { Mutation, Records } from '../log/records.ts';
import { attemptFrom } from './rows.ts';
import { attemptId, ATTEMPT_TABLE, type Attempt, type AttemptRecord, type Run } from './run.ts';

/*
 * Where attempts stand. The one that ends a run stands in the run's own row, which is written anyway, unless it is large:
 * lists of runs read whole rows. Each other one has a row. A replay puts the one in the row to the others.
 */

/** Characters as JSON. */
const IN_ROW_AT_MOST = 2_048;

export const fitsRow = (attempt: AttemptRecord): boolean => JSON.stringify(attempt).length <= IN_ROW_AT_MOST;

export const insertAttempt = (run: Pick<Run, 'id'>, attempt: AttemptRecord): Mutation => ({
  op: 'insert',
  table: ATTEMPT_TABLE.name,
  row: rowOf(run, attempt),
});

const rowOf = ({ id }: Pick<Run, 'id'>, attempt: AttemptRecord): Attempt => ({
  id: attemptId(id, attempt.generation, attempt.number),
  run_id: id,
  ...attempt,
});

/** Ids read at a time. */
const PAGE = 50;

/** All attempts of a run, of all generations, in order. Their ids follow from the run's. */
export const readAttempts = async (records: Records, run: Run): Promise<readonly Attempt[]> => {
  const attempts: Attempt[] = [];
  for (let generation = 0; generation <= run.generation; generation += 1) {
    for (let from = 1; ; from += PAGE) {
      const ids = Array.from({ length: PAGE }, (_, index) => attemptId(run.id, generation, from + index));
      const found = await records.getMany(ATTEMPT_TABLE.name, ids);
      attempts.push(...found.map(attemptFrom));
      if (found.length < ids.length) break;
    }
  }
  if (run.last_attempt === undefined || run.last_attempt === null) return attempts;
  const last = rowOf(run, run.last_attempt);
  // A replay may have put it there since the run was read.
  return attempts.some(({ id }) => id === last.id) ? attempts : [...attempts, last];
};
