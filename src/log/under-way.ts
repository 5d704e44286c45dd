import type { RowLeft, RowsLeft } from './rows-left.ts';
import type { Ticket } from './ticket.ts';

/** A row as a request that is under way will leave it. */
export interface PendingRow extends RowLeft {
  readonly ticket: Ticket;
}

/**
 * The requests that were handed to the log and have no answer yet, with the rows that they will leave. Where one that came
 * later ends first (because it is refused), the row of the one before it shows again.
 */
export interface UnderWay {
  /** Holds the rows until `answer` has come, or failed: from then on the store tells. */
  add(ticket: Ticket, rows: RowsLeft, answer: Promise<unknown>): void;
  row(table: string, id: string): PendingRow | undefined;
  /** The newest of each row of a table. */
  rows(table: string): readonly PendingRow[];
  readonly size: number;
  /** Resolves when those of these requests that are under way have ended; without tickets, all that are by now. */
  ended(tickets?: Iterable<Ticket>): Promise<void>;
}

const NONE: readonly PendingRow[] = [];

export const createUnderWay = (): UnderWay => {
  const tables = new Map<string, Map<string, readonly PendingRow[]>>();
  const requests = new Map<Ticket, Promise<void>>();

  const put = (ticket: Ticket, table: string, left: readonly RowLeft[]): void => {
    const rows = tables.get(table) ?? new Map<string, readonly PendingRow[]>();
    tables.set(table, rows);
    for (const row of left) {
      const before = rows.get(row.id) ?? [];
      rows.set(row.id, [...before, { ...row, ticket, fresh: row.fresh && before.length === 0 }]);
    }
  };
  const drop = (ticket: Ticket, table: string, left: readonly RowLeft[]): void => {
    const rows = tables.get(table);
    if (rows === undefined) return;
    for (const { id } of left) {
      const others = rows.get(id)?.filter((pending) => pending.ticket !== ticket) ?? [];
      if (others.length > 0) rows.set(id, others);
      else rows.delete(id);
    }
    if (rows.size === 0) tables.delete(table);
  };

  return {
    add(ticket, given, answer) {
      for (const [table, left] of given) put(ticket, table, left);
      const end = (): void => {
        requests.delete(ticket);
        for (const [table, left] of given) drop(ticket, table, left);
      };
      requests.set(ticket, answer.then(end, end));
    },
    row: (table, id) => tables.get(table)?.get(id)?.at(-1),
    rows: (table) => {
      const rows = tables.get(table);
      return rows === undefined ? NONE : [...rows.values()].flatMap((versions) => versions.at(-1) ?? []);
    },
    get size() {
      return requests.size;
    },
    async ended(tickets = requests.keys()) {
      await Promise.all([...tickets].flatMap((ticket) => requests.get(ticket) ?? []));
    },
  };
};
