import type { JsonObject } from '../kernel/json.ts';

/**
 * State beside the log: rows in tables, by id, written only by the append loop, in the transaction of the events that
 * tell of the change. A row is JSON; times in rows are integers, milliseconds since the epoch.
 */
export type Row = JsonObject & { readonly id: string };

export type Scalar = string | number | boolean;

/** What a table is called and what it is read by. Services declare theirs; `main` gives them all to the store. */
export interface TableDefinition {
  readonly name: string;
  /** Fields at the top of a row. A row in which the last field of an index is null or absent is not in that index. */
  readonly indexes: readonly { readonly name: string; readonly fields: readonly string[] }[];
  /** Full-text search over the text in this field, where the table has any. A row without that field is not found. */
  readonly search?: {
    /** Of the index. */
    readonly name: string;
    readonly field: string;
    /** A scalar field that a search is confined to, such as the world. */
    readonly within: string;
  };
  /** How many of the rows that were written last the append loop keeps in memory, so as not to read what it has just written. Default 0. */
  readonly recent?: number;
  /** Whether rows that were read, or looked for in vain, are kept among these too. */
  readonly recentReads?: boolean;
}

/**
 * One change of state. Because one loop writes, a guard (`when`, `create`) is checked in the loop against the stored
 * row and the changes that stand before it in the same commit: either the whole request holds, or none of it is written.
 */
export type Mutation =
  /** A row whose id nobody else can know yet (a fresh UUIDv7): written without looking. */
  | { readonly op: 'insert'; readonly table: string; readonly row: Row }
  /** A new row; `already_exists` if there is one of that id. */
  | { readonly op: 'create'; readonly table: string; readonly row: Row }
  /** Written whole, over what may be there. */
  | { readonly op: 'put'; readonly table: string; readonly row: Row }
  /**
   * Compare and set: `conflict` unless the row exists and each field of `when` has that value (or one of those).
   * `set` replaces fields at the top; an undefined field stays.
   */
  | {
      readonly op: 'patch';
      readonly table: string;
      readonly id: string;
      readonly when?: Guard;
      readonly set: JsonObject;
    }
  /** The guard of a `patch`, which changes nothing: `conflict` unless the row is so. */
  | { readonly op: 'check'; readonly table: string; readonly id: string; readonly when: Guard }
  /** `not_found` if there is no such row. */
  | { readonly op: 'remove'; readonly table: string; readonly id: string };

/** The values that fields of a row must have; of several, one. */
export interface Guard {
  readonly [field: string]: Scalar | null | readonly (Scalar | null)[];
}

/** A read by index: equality on the first fields, a range on the next one, in the index's ascending order. */
export interface IndexRead {
  readonly table: string;
  readonly index: string;
  /** The values of the index's first fields, from the left. */
  readonly equals: readonly Scalar[];
  /** Only rows whose next field is greater than this. */
  readonly after?: Scalar;
  /** Only rows whose next field is at most this. */
  readonly upTo?: Scalar;
  /** 1 to 1,000 */
  readonly limit: number;
}

/**
 * A full-text search, its words joined by AND, best first (BM25). What a word is: `words.ts`. Of words that more than
 * 10,000 rows have together, it ranks 10,000 of those.
 */
export interface TextSearch {
  readonly table: string;
  /** Plain words; it has no operators. At most 64 different ones. */
  readonly text: string;
  /** The values of the table's `search.within` to look in; undefined: in all rows. */
  readonly within: readonly Scalar[] | undefined;
  /** 1 to 10,000 */
  readonly limit: number;
}

export interface TextMatch {
  readonly id: string;
  /** BM25, greater is better; comparable within one answer only. */
  readonly score: number;
}

/** Reads of state. They see every acknowledged write. */
export interface Records {
  get(table: string, id: string): Promise<Row | undefined>;
  /** In the order of `ids`, without the ones that do not exist. */
  getMany(table: string, ids: readonly string[]): Promise<readonly Row[]>;
  /** In the order of ids. `after`: only ids greater than this. */
  list(table: string, page: { readonly after?: string; readonly limit: number }): Promise<readonly Row[]>;
  byIndex(read: IndexRead): Promise<readonly Row[]>;
  /** @throws CrucibleError `invalid` if there is no word in the text, or there are too many */
  search(search: TextSearch): Promise<readonly TextMatch[]>;
}
