import type { Row, TableDefinition } from './records.ts';
import type { Batch, LogStore } from './store.ts';

/**
 * A store that remembers the rows written last of those tables that ask for it (`recent`): what changes a row again a
 * moment later need not read it.
 *
 * Guarantee: a remembered row is what the store says, because it is this process alone that writes. A row is forgotten
 * when a commit that changes it begins, and remembered again when that commit went through and no later one has begun
 * meanwhile; so neither a failure nor an answer that comes late leaves an old version behind. Taking the lease forgets
 * everything: another process may have written.
 */
export const withRecentRows = (store: LogStore, tables: readonly TableDefinition[]): LogStore => {
  const kept = new Map<string, { readonly rows: Map<string, Row>; readonly capacity: number }>();
  for (const { name, recent = 0 } of tables)
    if (recent > 0) kept.set(name, { rows: new Map(), capacity: recent });
  let commits = 0;

  const forget = ({ writes }: Batch): void => {
    for (const { table, update, remove } of writes) {
      const rows = kept.get(table)?.rows;
      for (const { id } of update) rows?.delete(id);
      for (const id of remove) rows?.delete(id);
    }
  };

  const remember = ({ writes }: Batch): void => {
    for (const { table, insert, update } of writes) {
      const known = kept.get(table);
      if (known === undefined) continue;
      const { rows, capacity } = known;
      for (const row of insert) rows.set(row.id, row);
      for (const row of update) rows.set(row.id, row);
      for (const id of rows.keys()) {
        if (rows.size <= capacity) break;
        rows.delete(id);
      }
    }
  };

  return {
    ...store,
    async acquire() {
      commits += 1;
      for (const { rows } of kept.values()) rows.clear();
      return store.acquire();
    },
    async commit(batch) {
      commits += 1;
      const mine = commits;
      forget(batch);
      await store.commit(batch);
      if (mine === commits) remember(batch);
    },
    async getRows(table, ids) {
      const rows = kept.get(table)?.rows;
      const missing = rows === undefined ? ids : ids.filter((id) => !rows.has(id));
      if (rows === undefined || missing.length === ids.length) return store.getRows(table, ids);
      // Looked up before the wait: what it holds now is what was acknowledged when it was asked for.
      const known = new Map(ids.flatMap((id) => entryOf(id, rows.get(id))));
      for (const row of await store.getRows(table, missing)) known.set(row.id, row);
      return ids.flatMap((id) => known.get(id) ?? []);
    },
  };
};

const entryOf = (id: string, row: Row | undefined): (readonly [string, Row])[] =>
  row === undefined ? [] : [[id, row]];
