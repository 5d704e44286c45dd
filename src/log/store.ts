import type { CrucibleEvent } from '../events/envelope.ts';
import type { LeaderRecord } from './following/leader.ts';
import type { IndexRead, Row, TableDefinition, TextSearch } from './records.ts';
import type { StoredText } from './text-rank.ts';

/** The kinds of term that a commit can be found by. Those of type, actor and world carry a bucket (`terms.ts`). */
export const TERM_KINDS = ['types', 'actors', 'worlds', 'subjects', 'correlations', 'ids'] as const;
export type TermKind = (typeof TERM_KINDS)[number];

/** The distinct terms of one commit. */
export type Terms = { readonly [kind in TermKind]: readonly string[] };

/** One group of events, written together; positions run from `first` to `last` without a gap. */
export interface StoredCommit {
  readonly first: number;
  readonly last: number;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly events: readonly CrucibleEvent[];
}

export type CommitHead = Omit<StoredCommit, 'events'>;

/** What one commit does to one table. A row stands in at most one of the three. */
export interface TableWrites {
  readonly table: string;
  /** New rows; one that exists makes the whole commit `refused`. */
  readonly insert: readonly Row[];
  /** Rows that exist, written whole. */
  readonly update: readonly Row[];
  readonly remove: readonly string[];
}

/** Everything that one transaction writes. */
export interface Batch {
  /** `cmt_<UUIDv7>`, kept in the head record: tells after a lost connection whether this was written. */
  readonly id: string;
  readonly epoch: number;
  /** Undefined: rows only, the head stays where it is. */
  readonly commit: (StoredCommit & { readonly terms: Terms }) | undefined;
  readonly writes: readonly TableWrites[];
}

/** How long the lease lasts when nothing prolongs it, by the clock of the store. */
export const LEASE_MS = 10_000;

/** The right to write, and where the log stands. */
export interface Lease {
  readonly epoch: number;
  /** The last position; 0 for an empty log. */
  readonly head: number;
  /** The time of the last commit, ms since the epoch; 0 for an empty log. */
  readonly timeMs: number;
  /** The first position that retention has kept. */
  readonly firstAvailable: number;
  /** The id of the last batch that was written. */
  readonly batch: string | null;
}

/**
 * Why a commit did not go through. `refused`: a statement failed and nothing was written. `fenced`: another writer has
 * taken the lease and nothing was written. `unknown`: it may or may not have been written.
 */
export class CommitFailure extends Error {
  readonly kind: 'refused' | 'fenced' | 'unknown';

  constructor(kind: 'refused' | 'fenced' | 'unknown', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CommitFailure';
    this.kind = kind;
  }
}

/**
 * The storage under the log: what it is made of, without any of its rules. Two adapters: SurrealDB (`src/surreal`) and
 * memory (`memory-store.ts`, for tests); one contract suite runs against both (`test/contract/log`).
 */
export interface LogStore {
  /** Whether a lost connection can come back (a server), or ends the process (embedded). */
  readonly recoverable: boolean;
  /** What it was told of a table; undefined: nothing, so there is none. */
  definition(name: string): TableDefinition | undefined;

  /**
   * Takes the next epoch, which fences off whoever wrote before.
   * @param url where followers reach this process; undefined: nowhere
   * @throws CrucibleError `fenced` with `retryAfterMs` while another holder's lease is still good
   */
  acquire(url?: string): Promise<Lease>;
  /** Prolongs the lease. A commit does so too. @throws CommitFailure `fenced` or `unknown` */
  renew(epoch: number): Promise<void>;
  /** One transaction, synced when it resolves. Given the same batch again, it does nothing. @throws CommitFailure */
  commit(batch: Batch): Promise<void>;
  /** Ends the lease, so that the next writer need not wait. Nothing happens if it is no longer ours. */
  release(epoch: number): Promise<void>;
  /** Lets go of the storage itself. */
  close(): Promise<void>;

  /** Who holds the lease, or held it last; undefined: nobody ever did. Changes nothing. */
  leader(): Promise<LeaderRecord | undefined>;
  /**
   * The id of the batch that was written last; null: none ever was. What was read before from this store is of that
   * batch or an older one.
   */
  headBatch(): Promise<string | null>;

  /** The commits that hold any of the positions `[from, to]`, ascending. */
  scan(from: number, to: number): Promise<readonly StoredCommit[]>;
  /** As `scan`, without the events. */
  heads(from: number, to: number): Promise<readonly CommitHead[]>;
  /** The commits with these first positions, ascending; unknown ones are left out. */
  commitsAt(firsts: readonly number[]): Promise<readonly StoredCommit[]>;
  /** The first positions of all commits that have any of these terms, ascending, each once. */
  find(kind: TermKind, terms: readonly string[]): Promise<readonly number[]>;

  /** In the order of `ids`, without the ones that do not exist. */
  getRows(table: string, ids: readonly string[]): Promise<readonly Row[]>;
  /** In the order of ids by code point. */
  listRows(table: string, page: { readonly after?: string; readonly limit: number }): Promise<readonly Row[]>;
  /** See {@link IndexRead}; rows that are equal in the index's fields come in the order of their ids. */
  readIndex(read: IndexRead): Promise<readonly Row[]>;
  /** Rows that have these words, and perhaps some that have not, in no order, at most `MAX_CANDIDATES`. */
  findText(read: TextRead): Promise<readonly StoredText[]>;
}

/** What a follower has of the store: it writes nothing, and leaves the lease alone. */
export type ReadStore = Omit<LogStore, 'acquire' | 'renew' | 'commit' | 'release'>;

/** How many rows a full-text search looks at, at the most. */
export const MAX_CANDIDATES = 10_000;

export interface TextRead extends Pick<TextSearch, 'table' | 'within'> {
  /** Of `words.ts`; at least one. */
  readonly words: readonly string[];
}
