import { CrucibleError, type Issue } from '../kernel/errors.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { Guard, Mutation, Row } from './records.ts';
import type { TableWrites } from './store.ts';

/** Rows as they are stored, read before the group: those that its mutations touch, save for `insert`. */
export type StoredRows = ReadonlyMap<string, ReadonlyMap<string, Row>>;

interface Entry {
  /** Undefined: removed. */
  readonly row: Row | undefined;
  /** Not in the store before this group, so it is inserted, or forgotten when it is removed again. */
  readonly fresh: boolean;
}

type Entries = Map<string, Map<string, Entry>>;

/**
 * What the requests of one group do to rows, before any of it is written: later requests see the effects of earlier
 * ones, and a request that fails leaves no trace.
 */
export interface RowOverlay {
  /**
   * Applies all of them, or throws and applies none.
   * @throws CrucibleError `already_exists`, `conflict`, `not_found`
   */
  apply(mutations: readonly Mutation[]): void;
  /** How many rows it holds. */
  size(): number;
  writes(): readonly TableWrites[];
  changed(): readonly { readonly table: string; readonly row: Row }[];
  /** Rows of the store that are there no more. */
  removed(): readonly { readonly table: string; readonly id: string }[];
}

export const createRowOverlay = (stored: StoredRows): RowOverlay => {
  const settled: Entries = new Map();

  const apply = (mutations: readonly Mutation[]): void => {
    const pending: Entries = new Map();
    const find = (table: string, id: string): Entry | undefined =>
      pending.get(table)?.get(id) ?? settled.get(table)?.get(id) ?? fromStore(stored.get(table)?.get(id));
    mutations.forEach((mutation, i) => {
      const id = 'row' in mutation ? mutation.row.id : mutation.id;
      const before = find(mutation.table, id);
      if (mutation.op === 'check') checkGuard(mutation, before?.row, i);
      else put(pending, mutation.table, id, step(mutation, before, i));
    });
    for (const [table, entries] of pending) {
      for (const [id, entry] of entries) put(settled, table, id, entry);
    }
  };

  return {
    apply,
    size: () => [...settled.values()].reduce((sum, entries) => sum + entries.size, 0),
    writes: () => [...settled].map(([table, entries]) => tableWrites(table, entries)),
    changed: () =>
      [...settled].flatMap(([table, entries]) =>
        [...entries.values()].flatMap(({ row }) => (row === undefined ? [] : [{ table, row }])),
      ),
    removed: () =>
      [...settled].flatMap(([table, entries]) =>
        tableWrites(table, entries).remove.map((id) => ({ table, id })),
      ),
  };
};

const put = (entries: Entries, table: string, id: string, entry: Entry): void => {
  const rows = entries.get(table);
  if (rows === undefined) entries.set(table, new Map([[id, entry]]));
  else rows.set(id, entry);
};

const fromStore = (row: Row | undefined): Entry | undefined =>
  row === undefined ? undefined : { row, fresh: false };

/** What one mutation makes of a row; `before` is undefined if there is no such row, or none was looked for (`insert`). */
const step = (
  mutation: Exclude<Mutation, { op: 'check' }>,
  before: Entry | undefined,
  index: number,
): Entry => {
  const present = before?.row;
  switch (mutation.op) {
    case 'insert':
    case 'create':
      if (present !== undefined) throw existsAlready(mutation.table, present.id, index);
      return { row: mutation.row, fresh: before === undefined || before.fresh };
    case 'put':
      return { row: mutation.row, fresh: before === undefined || before.fresh };
    case 'patch':
      return {
        row: patched(checkGuard(mutation, present, index), mutation.set),
        fresh: before?.fresh === true,
      };
    case 'remove':
      if (present === undefined) {
        throw new CrucibleError('not_found', `There is no ${mutation.table} ${mutation.id}`, {
          issues: [{ path: `mutations.${index}.id`, message: 'no such row' }],
        });
      }
      return { row: undefined, fresh: before?.fresh === true };
  }
};

const existsAlready = (table: string, id: string, index: number): CrucibleError =>
  new CrucibleError('already_exists', `There is already a ${table} ${id}`, {
    issues: [{ path: `mutations.${index}.row.id`, message: 'is taken' }],
  });

const checkGuard = (
  { table, id, when = {} }: Extract<Mutation, { op: 'check' | 'patch' }>,
  present: Row | undefined,
  index: number,
): Row => {
  if (present === undefined) {
    throw new CrucibleError('conflict', `There is no ${table} ${id} to change`, {
      issues: [{ path: `mutations.${index}.id`, message: 'no such row' }],
    });
  }
  const issues = guardIssues(present, when, index);
  if (issues.length === 0) return present;
  const what = issues.map(({ message }) => message).join(', ');
  throw new CrucibleError('conflict', `${table} ${id}: ${what}`, { issues });
};

const guardIssues = (row: Row, when: Guard, index: number): Issue[] =>
  Object.entries(when).flatMap(([field, wanted]) => {
    const actual = row[field] ?? null;
    const accepted: readonly JsonValue[] = Array.isArray(wanted) ? wanted : [wanted];
    if (accepted.includes(actual)) return [];
    const expected = accepted.map((value) => JSON.stringify(value)).join(' or ');
    return [
      {
        path: `mutations.${index}.when.${field}`,
        message: `${field} is ${JSON.stringify(actual)}, expected ${expected === '' ? 'nothing' : expected}`,
      },
    ];
  });

/** A row with these fields replaced; an undefined one stays. */
export const patched = (row: Row, set: JsonObject): Row => {
  const kept = Object.entries(set).filter(([, value]) => (value as JsonValue | undefined) !== undefined);
  return { ...row, ...Object.fromEntries(kept), id: row.id };
};

const tableWrites = (table: string, entries: ReadonlyMap<string, Entry>): TableWrites => {
  const insert: Row[] = [];
  const update: Row[] = [];
  const remove: string[] = [];
  for (const [id, { row, fresh }] of entries) {
    if (row !== undefined) (fresh ? insert : update).push(row);
    else if (!fresh) remove.push(id);
  }
  return { table, insert, update, remove };
};
