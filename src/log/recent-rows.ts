import type { JsonValue } from '../kernel/json.ts';
import type { Row, TableDefinition } from './records.ts';
import type { Batch, LogStore } from './store.ts';

/** What is kept of one table. */
interface Kept {
  /** Null: it was looked for and is not there. */
  readonly rows: Map<string, Row | null>;
  readonly capacity: number;
  readonly reads: boolean;
  /** Ids that commits under way change, each with how many of these there are. */
  readonly changing: Map<string, number>;
  /** For each read under way, which of the ids that it asks for no commit has begun to change meanwhile. */
  readonly asked: Set<Set<string>>;
}

/** Larger rows are not kept: so many characters and values. */
const MAX_SIZE = 16_384;

/**
 * A store that remembers the rows written last of those tables that ask for it (`recent`): what changes a row again a
 * moment later need not read it. Of some it remembers those that were read, too, and which ones were not there
 * (`recentReads`): who decides to make a row has looked for it, and the append loop looks again.
 *
 * Guarantee: a remembered row is what the store says, because it is this process alone that writes. A row is forgotten
 * when a commit that changes it begins, and remembered again when that commit went through and no later one has begun
 * meanwhile; so neither a failure nor an answer that comes late leaves an old version behind. One that was read is
 * remembered only if no commit that changes it was under way at any time since it was asked for. Taking the lease
 * forgets everything: another process may have written.
 */
export const withRecentRows = (store: LogStore, tables: readonly TableDefinition[]): LogStore => {
  const kept = new Map<string, Kept>();
  for (const { name, recent = 0, recentReads = false } of tables) {
    if (recent === 0) continue;
    const known = { rows: new Map(), capacity: recent, changing: new Map(), asked: new Set<Set<string>>() };
    kept.set(name, { ...known, reads: recentReads });
  }
  let commits = 0;

  const change = ({ writes }: Batch, by: 1 | -1): void => {
    for (const { table, update, remove, insert } of writes) {
      const known = kept.get(table);
      if (known?.reads !== true) continue;
      for (const id of [...insert, ...update].map((row) => row.id).concat(remove)) {
        const count = (known.changing.get(id) ?? 0) + by;
        if (count > 0) known.changing.set(id, count);
        else known.changing.delete(id);
        for (const ids of known.asked) ids.delete(id);
      }
    }
  };

  const forget = ({ writes }: Batch): void => {
    for (const { table, insert, update, remove } of writes) {
      const rows = kept.get(table)?.rows;
      for (const { id } of insert) rows?.delete(id);
      for (const { id } of update) rows?.delete(id);
      for (const id of remove) rows?.delete(id);
    }
  };

  const forgetAll = (): void => {
    commits += 1;
    for (const { rows, asked } of kept.values()) {
      rows.clear();
      for (const ids of asked) ids.clear();
    }
  };

  const remember = ({ writes }: Batch): void => {
    for (const { table, insert, update } of writes) {
      const known = kept.get(table);
      if (known === undefined) continue;
      for (const row of insert) keep(known, row);
      for (const row of update) keep(known, row);
      shrink(known);
    }
  };

  const read = async (table: string, ids: readonly string[]): Promise<readonly Row[]> => {
    const known = kept.get(table);
    if (known?.reads !== true) return store.getRows(table, ids);
    const asked = new Set(ids.filter((id) => !known.changing.has(id)));
    known.asked.add(asked);
    try {
      const rows = await store.getRows(table, ids);
      for (const row of rows) if (asked.delete(row.id)) keep(known, row);
      for (const id of asked) known.rows.set(id, null);
      shrink(known);
      return rows;
    } finally {
      known.asked.delete(asked);
    }
  };

  return {
    ...store,
    async acquire(url) {
      forgetAll();
      try {
        return await store.acquire(url);
      } finally {
        // What was read meanwhile may be of either holder.
        forgetAll();
      }
    },
    async commit(batch) {
      commits += 1;
      const mine = commits;
      forget(batch);
      change(batch, 1);
      try {
        await store.commit(batch);
      } finally {
        change(batch, -1);
      }
      if (mine === commits) remember(batch);
    },
    async getRows(table, ids) {
      const rows = kept.get(table)?.rows;
      const missing = rows === undefined ? ids : ids.filter((id) => !rows.has(id));
      if (rows === undefined || missing.length === ids.length) return read(table, ids);
      // Looked up before the wait: what it holds now is what was acknowledged when it was asked for.
      const known = new Map(ids.flatMap((id) => entryOf(id, rows.get(id))));
      if (missing.length > 0) for (const row of await read(table, missing)) known.set(row.id, row);
      return ids.flatMap((id) => known.get(id) ?? []);
    },
  };
};

const keep = ({ rows }: Kept, row: Row): void => {
  if (isSmall(row)) rows.set(row.id, row);
};

/** Whether a value has no more than `MAX_SIZE` characters and values; looks at no more than that. */
const isSmall = (value: JsonValue): boolean => {
  let left = MAX_SIZE;
  const count = (part: JsonValue): boolean => {
    left -= typeof part === 'string' ? part.length + 1 : 1;
    if (left < 0) return false;
    if (typeof part !== 'object' || part === null) return true;
    return Array.isArray(part)
      ? part.every((item: JsonValue) => count(item))
      : Object.entries(part).every(([name, item]) => {
          left -= name.length;
          return count(item);
        });
  };
  return count(value);
};

const shrink = ({ rows, capacity }: Kept): void => {
  for (const id of rows.keys()) {
    if (rows.size <= capacity) break;
    rows.delete(id);
  }
};

const entryOf = (id: string, row: Row | null | undefined): (readonly [string, Row])[] =>
  row === undefined || row === null ? [] : [[id, row]];
