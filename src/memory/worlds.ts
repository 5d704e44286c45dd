import type { Log } from '../log/log.ts';
import { WORLD_TABLE } from './tables.ts';

const READ_ROWS = 1_000;

/** The worlds that have ever had a memory. They are few and never go, and every question about all of them asks for them. */
export interface Worlds {
  /** In the order of their names. */
  all(): Promise<readonly string[]>;
  /** Stops following the log. */
  close(): void;
}

/** Read once, then followed. What is committed while they are read is in both, or in one; never in none. */
export const createWorlds = (log: Pick<Log, 'records' | 'onCommit'>): Worlds => {
  const names = new Set<string>();
  let sorted: readonly string[] | undefined;
  let reading: Promise<void> | undefined;

  const add = (name: string): void => {
    if (names.has(name)) return;
    names.add(name);
    sorted = undefined;
  };
  const stop = log.onCommit(({ changed }) => {
    for (const { table, row } of changed) if (table === WORLD_TABLE.name) add(row.id);
  });

  const read = async (): Promise<void> => {
    for (let after: string | undefined; ;) {
      const page = { limit: READ_ROWS, ...(after === undefined ? {} : { after }) };
      const rows = await log.records.list(WORLD_TABLE.name, page);
      for (const { id } of rows) add(id);
      if (rows.length < READ_ROWS) return;
      after = rows.at(-1)?.id;
    }
  };

  return {
    async all() {
      reading ??= read();
      try {
        await reading;
      } catch (error) {
        // Who asks next reads again.
        reading = undefined;
        throw error;
      }
      return (sorted ??= [...names].toSorted());
    },
    close: stop,
  };
};
