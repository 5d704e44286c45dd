import { IDEMPOTENCY_TABLE } from './idempotency.ts';
import { indexIn, inIndexOrder, isIndexed } from './indexed-rows.ts';
import { earliestFirst } from './limits.ts';
import type { IndexRead, Row, TableDefinition } from './records.ts';
import { compareText, indexValue } from './scalar-order.ts';
import { searchedText, searchOf } from './searched-text.ts';
import {
  CommitFailure,
  LEASE_MS,
  MAX_CANDIDATES,
  TERM_KINDS,
  type Batch,
  type LogStore,
  type StoredCommit,
  type TermKind,
} from './store.ts';

/** What outlives a memory store: give the same one to a second store to try what two writers or a restart would do. */
export interface MemoryDisk {
  epoch: number;
  /** Of the holder of the lease. */
  url: string | null;
  /** Whether the lease is held. It never runs out. */
  held: boolean;
  batch: string | null;
  /** First position to the commit as JSON text, so that no reader can change what is stored. */
  readonly commits: Map<number, string>;
  readonly postings: { readonly [kind in TermKind]: Map<string, number[]> };
  readonly tables: Map<string, Map<string, string>>;
  head: number;
  timeMs: number;
}

export const createMemoryDisk = (): MemoryDisk => ({
  epoch: 0,
  url: null,
  held: false,
  batch: null,
  commits: new Map(),
  postings: {
    types: new Map(),
    actors: new Map(),
    worlds: new Map(),
    subjects: new Map(),
    correlations: new Map(),
    ids: new Map(),
  },
  tables: new Map(),
  head: 0,
  timeMs: 0,
});

/** The memory twin of the log's storage. For tests: `main` never composes it. */
export const createMemoryStore = (options: {
  readonly tables: readonly TableDefinition[];
  readonly disk?: MemoryDisk;
}): LogStore => {
  const disk = options.disk ?? createMemoryDisk();
  const definitions = new Map([...options.tables, IDEMPOTENCY_TABLE].map((table) => [table.name, table]));

  const rowsOf = (table: string): Map<string, string> => {
    if (!definitions.has(table)) throw new RangeError(`There is no table ${table}`);
    const existing = disk.tables.get(table);
    if (existing !== undefined) return existing;
    const fresh = new Map<string, string>();
    disk.tables.set(table, fresh);
    return fresh;
  };
  const commitAt = (first: number): StoredCommit | undefined => {
    const text = disk.commits.get(first);
    return text === undefined ? undefined : (JSON.parse(text) as StoredCommit);
  };
  const fence = (epoch: number): void => {
    if (epoch !== disk.epoch)
      throw new CommitFailure('fenced', `Epoch ${epoch} is over, ${disk.epoch} writes now`);
  };
  const scan = (from: number, to: number): StoredCommit[] => {
    const found: StoredCommit[] = [];
    for (let first = earliestFirst(from); first <= Math.min(to, disk.head); first += 1) {
      const commit = commitAt(first);
      if (commit !== undefined && commit.last >= from) found.push(commit);
    }
    return found;
  };

  return {
    recoverable: false,
    definition: (name) => definitions.get(name),

    async acquire(url) {
      disk.epoch += 1;
      disk.url = url ?? null;
      disk.held = true;
      return {
        epoch: disk.epoch,
        head: disk.head,
        timeMs: disk.timeMs,
        firstAvailable: 1,
        batch: disk.batch,
      };
    },
    async renew(epoch) {
      fence(epoch);
    },
    async commit(batch) {
      fence(batch.epoch);
      if (disk.batch === batch.id) return;
      refuseExisting(batch, rowsOf);
      write(disk, batch, rowsOf);
    },
    async release(epoch) {
      if (epoch === disk.epoch) disk.held = false;
    },
    async close() {},

    async leader() {
      const { epoch, url, held } = disk;
      return epoch === 0 ? undefined : { epoch, url, leaseMs: held ? LEASE_MS : 0 };
    },
    async headBatch() {
      return disk.batch;
    },

    async scan(from, to) {
      return scan(from, to);
    },
    async heads(from, to) {
      return scan(from, to).map(({ first, last, timeMs }) => ({ first, last, timeMs }));
    },
    async commitsAt(firsts) {
      return firsts
        .toSorted((a, b) => a - b)
        .map(commitAt)
        .filter((commit) => commit !== undefined);
    },
    async find(kind, terms) {
      const found = new Set(terms.flatMap((term) => disk.postings[kind].get(term) ?? []));
      return [...found].toSorted((a, b) => a - b);
    },

    async getRows(table, ids) {
      const rows = rowsOf(table);
      return ids.flatMap((id) => parseRow(rows.get(id)));
    },
    async listRows(table, { after, limit }) {
      const rows = rowsOf(table);
      return [...rows.keys()]
        .filter((id) => after === undefined || compareText(id, after) > 0)
        .toSorted(compareText)
        .slice(0, limit)
        .flatMap((id) => parseRow(rows.get(id)));
    },
    async readIndex(read) {
      return readIndex(definitions, [...rowsOf(read.table).values()].flatMap(parseRow), read);
    },
    async findText({ table, within }) {
      const rows = [...rowsOf(table).values()].flatMap(parseRow);
      const search = searchOf(definitions.get(table), table);
      return rows
        .filter((row) => within?.some((value) => indexValue(row, search.within) === value) ?? true)
        .flatMap((row) => searchedText(search, row) ?? [])
        .slice(0, MAX_CANDIDATES);
    },
  };
};

const parseRow = (text: string | undefined): Row[] => (text === undefined ? [] : [JSON.parse(text) as Row]);

const refuseExisting = (batch: Batch, rowsOf: (table: string) => Map<string, string>): void => {
  for (const { table, insert } of batch.writes) {
    const existing = insert.find((row) => rowsOf(table).has(row.id));
    if (existing !== undefined) throw new CommitFailure('refused', `${table} ${existing.id} already exists`);
  }
};

const write = (disk: MemoryDisk, batch: Batch, rowsOf: (table: string) => Map<string, string>): void => {
  for (const { table, insert, update, remove } of batch.writes) {
    const rows = rowsOf(table);
    for (const row of [...insert, ...update]) rows.set(row.id, JSON.stringify(row));
    for (const id of remove) rows.delete(id);
  }
  disk.batch = batch.id;
  if (batch.commit === undefined) return;
  const { terms, ...commit } = batch.commit;
  disk.commits.set(commit.first, JSON.stringify(commit));
  for (const kind of TERM_KINDS) {
    for (const term of terms[kind]) {
      const posting = disk.postings[kind].get(term);
      if (posting === undefined) disk.postings[kind].set(term, [commit.first]);
      else posting.push(commit.first);
    }
  }
  disk.head = commit.last;
  disk.timeMs = commit.timeMs;
};

const readIndex = (
  definitions: ReadonlyMap<string, TableDefinition>,
  rows: readonly Row[],
  read: IndexRead,
): readonly Row[] => {
  const index = indexIn((name) => definitions.get(name))(read.table, read.index);
  return rows.filter(isIndexed(index, read)).toSorted(inIndexOrder(index)).slice(0, read.limit);
};
