import type { Mutation, Row } from './records.ts';
import { patched } from './row-overlay.ts';

/** A row as mutations leave it. */
export interface RowLeft {
  readonly id: string;
  /** Undefined: removed. */
  readonly row: Row | undefined;
  /** They make it: where the store has it already, it has this very row. */
  readonly fresh: boolean;
}

/** By table. */
export type RowsLeft = ReadonlyMap<string, readonly RowLeft[]>;

type ReadRow = (table: string, id: string) => Promise<Row | undefined>;

/**
 * What mutations leave when all their guards hold. Where one does not, the request is refused, and so is all that was
 * decided upon it.
 * @param read gives a row as it is before them
 */
export const rowsLeftBy = async (mutations: readonly Mutation[], read: ReadRow): Promise<RowsLeft> => {
  const tables = new Map<string, Map<string, RowLeft>>();
  for (const mutation of mutations) {
    if (mutation.op === 'check') continue;
    const rows = tables.get(mutation.table) ?? new Map<string, RowLeft>();
    tables.set(mutation.table, rows);
    const id = 'row' in mutation ? mutation.row.id : mutation.id;
    const before = rows.get(id);
    const fresh = before?.fresh ?? (mutation.op === 'insert' || mutation.op === 'create');
    rows.set(id, { id, fresh, row: await rowAfter(mutation, before, read) });
  }
  return new Map([...tables].map(([table, rows]) => [table, [...rows.values()]]));
};

const rowAfter = async (
  mutation: Exclude<Mutation, { op: 'check' }>,
  before: RowLeft | undefined,
  read: ReadRow,
): Promise<Row | undefined> => {
  if (mutation.op === 'remove') return undefined;
  if (mutation.op !== 'patch') return mutation.row;
  const row = before === undefined ? await read(mutation.table, mutation.id) : before.row;
  return row === undefined ? undefined : patched(row, mutation.set);
};
