/** Rows of a table that somebody has read or looked for: those with an id that `has` says yes to. */
export interface RowsRead {
  readonly table: string;
  readonly has: (id: string) => boolean;
}

interface RowsWritten {
  readonly table: string;
  readonly insert: readonly { readonly id: string }[];
  readonly update: readonly { readonly id: string }[];
  readonly remove: readonly string[];
}

/** Whether any of these rows is written. */
export const areWritten = (read: readonly RowsRead[], writes: readonly RowsWritten[]): boolean =>
  writes.some(({ table, insert, update, remove }) =>
    read.some(
      (rows) =>
        rows.table === table &&
        (insert.some(({ id }) => rows.has(id)) ||
          update.some(({ id }) => rows.has(id)) ||
          remove.some(rows.has)),
    ),
  );
