import type { Committed, Log } from '../log/log.ts';
import type { Records, Row } from '../log/records.ts';
import type { Target } from './target.ts';

/** The rows that are targets, as their folder knows them. */
export interface TargetRows {
  readonly table: string;
  readonly idOf: (rowId: string) => string;
  readonly enabled: (row: Row) => boolean;
}

/** What an attempt asks of its target. */
export type FollowedTarget = Pick<Target, 'id' | 'enabled'>;

const PAGE = 1_000;

/**
 * Which targets there are and whether they are enabled, in a process that does not write: read once, then as commits tell.
 * Listens from now on; what is told while it still reads stays, since it is as new as what is read.
 *
 * Late by what a commit takes to get here: an attempt that begins in that moment is one that began just before the change.
 */
export const followTargets = async (
  log: Pick<Log, 'onCommit'> & { readonly records: Pick<Records, 'list'> },
  tables: readonly TargetRows[],
): Promise<(id: string) => FollowedTarget | undefined> => {
  const byTable = new Map(tables.map((rows) => [rows.table, rows]));
  const targets = new Map<string, FollowedTarget>();
  /** Of which a commit has told already. */
  const told = new Set<string>();

  const set = ({ idOf, enabled }: TargetRows, row: Row): void => {
    const id = idOf(row.id);
    targets.set(id, { id, enabled: enabled(row) });
  };

  const committed = ({ changed, removed }: Pick<Committed, 'changed' | 'removed'>): void => {
    for (const { table, row } of changed) {
      const rows = byTable.get(table);
      if (rows === undefined) continue;
      told.add(rows.idOf(row.id));
      set(rows, row);
    }
    for (const { table, id } of removed) {
      const rows = byTable.get(table);
      if (rows === undefined) continue;
      told.add(rows.idOf(id));
      targets.delete(rows.idOf(id));
    }
  };

  log.onCommit(committed);
  for (const rows of tables) {
    for (let after: string | undefined; ;) {
      const page = await log.records.list(rows.table, {
        limit: PAGE,
        ...(after !== undefined && { after }),
      });
      for (const row of page) if (!told.has(rows.idOf(row.id))) set(rows, row);
      after = page.at(-1)?.id;
      if (page.length < PAGE) break;
    }
  }
  return (id) => targets.get(id);
};
