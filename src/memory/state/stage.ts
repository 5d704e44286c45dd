import type { Mutation, Records, Row } from '../../log/records.ts';

/** How many rows one read asks for. */
const READ_ROWS = 1_000;

/**
 * The rows of one table as a change will leave them, over what is stored. Each row is read once; what comes out in the
 * end is one mutation for each row that differs.
 */
export interface Stage<R extends Row> {
  get(id: string): Promise<R | undefined>;
  /** The row as it is now, if that is known without reading. */
  known(id: string): R | undefined;
  /** Reads many at once, so that `get` of them asks nobody. */
  load(ids: Iterable<string>): Promise<void>;
  /** Says that there is no stored row of this id, where that is known: it is written without looking, too. */
  absent(id: string): void;
  set(id: string, row: R | undefined): Promise<void>;
  /** What a read of many rows answered, as it is now: changed rows changed, removed ones left out. */
  seen(rows: readonly R[]): readonly R[];
  mutations(): readonly Mutation[];
  /** The rows that are new or different now. */
  changed(): readonly R[];
}

export const createStage = <R extends Row>(records: Records, table: string): Stage<R> => {
  const before = new Map<string, R | undefined>();
  const now = new Map<string, R | undefined>();
  const unlooked = new Set<string>();

  const load = async (ids: Iterable<string>): Promise<void> => {
    const missing = [...new Set(ids)].filter((id) => !before.has(id));
    for (let start = 0; start < missing.length; start += READ_ROWS) {
      const some = missing.slice(start, start + READ_ROWS);
      for (const id of some) before.set(id, undefined);
      for (const row of await records.getMany(table, some)) before.set(row.id, row as R);
    }
  };
  const get = async (id: string): Promise<R | undefined> => {
    if (now.has(id)) return now.get(id);
    await load([id]);
    return before.get(id);
  };

  return {
    get,
    known: (id) => (now.has(id) ? now.get(id) : before.get(id)),
    load,
    absent: (id) => {
      if (before.has(id)) return;
      before.set(id, undefined);
      unlooked.add(id);
    },
    async set(id, row) {
      await load([id]);
      now.set(id, row);
    },
    seen: (rows) =>
      rows.flatMap((row) => {
        if (!before.has(row.id)) before.set(row.id, row);
        const current = now.has(row.id) ? now.get(row.id) : row;
        return current === undefined ? [] : [current];
      }),
    changed: () => [...now.values()].filter((row) => row !== undefined),
    mutations: () =>
      [...now].flatMap(([id, row]): Mutation[] => {
        const stored = before.get(id);
        if (row === stored) return [];
        if (row === undefined) return stored === undefined ? [] : [{ op: 'remove', table, id }];
        if (stored !== undefined) return [{ op: 'put', table, row }];
        return [{ op: unlooked.has(id) ? 'insert' : 'create', table, row }];
      }),
  };
};
