import { RUN_TABLE } from '../../../src/dispatch/run.ts';
import type { Batch } from '../../../src/log/store.ts';
import { openSurrealStore as open } from '../../../src/surreal/surreal-store.ts';
import { dieAt } from './death.ts';
import { DOOMED } from './options.ts';

const hasDoomed = ({ commit }: Batch): boolean => commit?.events.some(({ type }) => type === DOOMED) ?? false;
const recordsAttempts = ({ writes }: Batch): boolean =>
  writes.some(
    ({ table, update }) => table === RUN_TABLE.name && update.some(({ attempts }) => attempts !== 0),
  );

/** The real store, around whose commits a process can die. */
export const openSurrealStore: typeof open = async (options) => {
  const store = await open(options);
  return {
    ...store,
    async commit(batch) {
      if (recordsAttempts(batch)) dieAt('recording');
      await store.commit(batch);
      if (hasDoomed(batch)) dieAt('committed');
    },
  };
};
