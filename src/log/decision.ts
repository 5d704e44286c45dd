import { inIndexOrder, isIndexed } from './indexed-rows.ts';
import type { Mutation, Records, Row } from './records.ts';
import { rowsLeftBy, type RowsLeft } from './rows-left.ts';
import { compareText, type IndexDefinition } from './scalar-order.ts';
import type { Ticket } from './ticket.ts';
import type { PendingRow, UnderWay } from './under-way.ts';

/** A decision upon state that others may still be about to write. */
interface Decision {
  /**
   * Does `work`; what it reads of the log's records until it ends, however deep and by whomever, it reads as the requests
   * under way will leave it. Nobody else does, nor what `work` has begun and not waited for.
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Those of the requests under way whose rows it has read, or found gone, and that are not written yet. */
  restsOn(): readonly Ticket[];
  /** What these mutations leave, upon what it has read. For within `run`. */
  leaves(mutations: readonly Mutation[]): Promise<RowsLeft>;
}

/** The records of a log. */
export interface LogRecords extends Records {
  decision(underWay: UnderWay): Decision;
}

/** Reads over requests that are under way. */
export interface ReadsOver {
  readonly records: Records;
  readonly restsOn: () => readonly Ticket[];
  readonly leaves: Decision['leaves'];
}

/**
 * Reads as the requests under way will leave the rows. What they leave is looked up before the store is asked: a request
 * that ends meanwhile is in both, and never in none.
 *
 * Guarantee: whatever an answer owes to a request under way, be it a row or that a row is gone, `restsOn` names it.
 */
export const createReadsOver = (
  stored: Records,
  underWay: UnderWay,
  indexOf: (table: string, index: string) => IndexDefinition,
): ReadsOver => {
  const rests = new Set<Ticket>();
  const seen = new Map<string, Row>();
  const keyOf = (table: string, id: string): string => `${table}\n${id}`;
  const note = <R extends readonly Row[]>(table: string, rows: R): R => {
    for (const row of rows) seen.set(keyOf(table, row.id), row);
    return rows;
  };

  /** What is stored and what is pending as one answer. `read` is given how many rows more it needs to find. */
  const merged = async (
    table: string,
    read: (more: number) => Promise<readonly Row[]>,
    {
      finds,
      order,
      limit,
    }: {
      readonly finds: (row: Row) => boolean;
      readonly order: (a: Row, b: Row) => number;
      readonly limit: number;
    },
  ): Promise<readonly Row[]> => {
    const pending = underWay.rows(table);
    if (pending.length === 0) return note(table, await read(0));
    const found = pending.filter((each) => each.row !== undefined && finds(each.row));
    // One that is not found may hide a stored one that was.
    const hiding = pending.filter(({ fresh }) => !fresh);
    for (const { ticket } of [...found, ...hiding]) rests.add(ticket);
    const rows = await read(hiding.length);
    const ids = new Set(pending.map(({ id }) => id));
    const others = rows.filter(({ id }) => !ids.has(id));
    if (found.length === 0) return note(table, others.slice(0, limit));
    const all = [...others, ...found.flatMap(({ row }) => row ?? [])];
    return note(table, all.toSorted(order).slice(0, limit));
  };

  const getMany = async (table: string, ids: readonly string[]): Promise<readonly Row[]> => {
    const pending = new Map<string, PendingRow>();
    for (const id of ids) {
      const row = underWay.row(table, id);
      if (row === undefined) continue;
      pending.set(id, row);
      rests.add(row.ticket);
    }
    if (pending.size === 0) return note(table, await stored.getMany(table, ids));
    const rows = await stored.getMany(
      table,
      ids.filter((id) => !pending.has(id)),
    );
    const known = new Map(rows.map((row) => [row.id, row]));
    return note(
      table,
      ids.flatMap((id) => (pending.get(id) ?? { row: known.get(id) }).row ?? []),
    );
  };

  const records: Records = {
    get: async (table, id) => (await getMany(table, [id]))[0],
    getMany,
    list: (table, page) =>
      merged(table, (more) => stored.list(table, { ...page, limit: page.limit + more }), {
        finds: ({ id }) => page.after === undefined || compareText(id, page.after) > 0,
        order: (a, b) => compareText(a.id, b.id),
        limit: page.limit,
      }),
    byIndex: (read) => {
      const index = indexOf(read.table, read.index);
      return merged(read.table, (more) => stored.byIndex({ ...read, limit: read.limit + more }), {
        finds: isIndexed(index, read),
        order: inIndexOrder(index),
        limit: read.limit,
      });
    },
    // How rare a word is, and so every score, depends on all rows: this waits until nothing is under way.
    async search(search) {
      await underWay.ended();
      return stored.search(search);
    },
  };

  return {
    records,
    restsOn: () => [...rests].filter(({ outcome }) => outcome !== 'written'),
    leaves: (mutations) =>
      rowsLeftBy(mutations, async (table, id) => {
        const pending = underWay.row(table, id);
        const known = pending === undefined ? seen.get(keyOf(table, id)) : undefined;
        return known ?? records.get(table, id);
      }),
  };
};
