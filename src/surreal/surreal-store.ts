import { randomUUID } from 'node:crypto';
import { RecordId, type SurrealSession } from 'surrealdb';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { IDEMPOTENCY_TABLE } from '../log/idempotency.ts';
import { earliestFirst } from '../log/limits.ts';
import { withRecentRows } from '../log/recent-rows.ts';
import type { IndexRead, Row, TableDefinition } from '../log/records.ts';
import { compareScalars, indexValue, readPlan } from '../log/scalar-order.ts';
import { searchOf } from '../log/searched-text.ts';
import {
  CommitFailure,
  type Batch,
  type CommitHead,
  type Lease,
  type LogStore,
  type ReadStore,
  type TermKind,
} from '../log/store.ts';
import type { StoredText } from '../log/text-rank.ts';
import { decodeCommit, type CommitRow } from './commit-codec.ts';
import type { LeaderRecord } from '../log/following/leader.ts';
import { connect, type ConnectOptions, type Connection } from './engine.ts';
import { createGatheredReads } from './gathered-reads.ts';
import { HELD, WRITTEN, isConflict, transactionFailure, withoutAnswer, type Answer } from './failures.ts';
import { indexStatement } from './index-read.ts';
import { decodeRow } from './row-codec.ts';
import { textStatement } from './text-read.ts';
import { defineSchema } from './schema.ts';
import {
  acquireStatement,
  HEAD_BATCH_STATEMENT,
  LEADER_STATEMENT,
  commitStatement,
  releaseStatement,
  renewStatement,
  type Statement,
} from './statements.ts';

export interface SurrealStoreOptions {
  readonly tables: readonly TableDefinition[];
  /** Names this process in the lease, for people to read. */
  readonly holder: string;
  readonly logger: Logger;
  /**
   * Take the lease even while another holder's is good. By default so in the embedded engine, where the lock on the
   * directory has already decided that this is the only process.
   */
  readonly takeover?: boolean;
}

/**
 * Opens the log's storage in SurrealDB, embedded or on a server, and defines what is missing.
 * @throws CrucibleError `data_dir_locked`, `store_too_new`, `config_invalid`, `log_unavailable`
 */
export const openSurrealStore = async (options: ConnectOptions & SurrealStoreOptions): Promise<LogStore> => {
  const connection = await connect(options);
  try {
    return withRecentRows(await createSurrealStore(connection, options), options.tables);
  } catch (error) {
    await connection.close();
    throw error;
  }
};

/**
 * As {@link openSurrealStore}, for who follows another process that writes: what it is told of late must not hide what
 * was written, so no row is remembered.
 */
export const openFollowedStore = async (
  options: ConnectOptions & Pick<SurrealStoreOptions, 'tables' | 'logger'>,
): Promise<ReadStore> => {
  const connection = await connect(options);
  try {
    return await createSurrealStore(connection, { ...options, holder: 'a follower' });
  } catch (error) {
    await connection.close();
    throw error;
  }
};

const CONFLICT_ATTEMPTS = 10;
/** How long a read waits for a server. The client library would wait for it to come back. ms */
const READ_TIMEOUT_MS = 5_000;
/** Queries of gathered reads in the embedded engine. More would only be queries with less in each. */
const READS_AT_ONCE = 2;

/** The storage on a connection that is open. */
export const createSurrealStore = async (
  { db, embedded, close }: Connection,
  options: SurrealStoreOptions,
): Promise<LogStore> => {
  const definitions = [...options.tables, IDEMPOTENCY_TABLE];
  const tables = new Map(definitions.map((table) => [table.name, table]));
  await defineSchema(db, definitions);
  const takeover = options.takeover ?? embedded;
  // Of this store alone: a process that starts again under the same name is another holder.
  const holder = `${options.holder} ${randomUUID()}`;
  let epoch = 0;

  const tableOf = (name: string): TableDefinition => {
    const table = tables.get(name);
    if (table === undefined) throw new RangeError(`There is no table ${name}`);
    return table;
  };
  const inTime = async <T>(reading: PromiseLike<T>): Promise<T> =>
    embedded ? reading : answeredInTime(reading, READ_TIMEOUT_MS);
  const read = async <T>(text: string, bindings: Record<string, unknown>): Promise<readonly T[]> => {
    const [rows] = await inTime(db.query<[readonly T[]]>(text, bindings));
    return rows;
  };
  const gathered = createGatheredReads(db, { atOnce: embedded ? READS_AT_ONCE : Infinity });

  return {
    recoverable: !embedded,
    definition: (name) => tables.get(name),

    async acquire(url) {
      const lease = await acquire(db, acquireStatement(holder, epoch, takeover, url));
      epoch = lease.epoch;
      options.logger.info({ epoch: lease.epoch, head: lease.head }, 'The lease of the log is ours');
      return lease;
    },
    async renew(held) {
      await transact(db, renewStatement(held));
    },
    async commit(batch) {
      await transact(db, encoded(batch, tables));
    },
    async release(held) {
      const { text, bindings } = releaseStatement(held);
      await db.query(text, bindings);
    },
    close,

    async leader() {
      return (await read<LeaderRecord>(LEADER_STATEMENT, {}))[0];
    },
    async headBatch() {
      return (await read<string | null>(HEAD_BATCH_STATEMENT, {}))[0] ?? null;
    },

    async scan(from, to) {
      const rows = await read<CommitRow>(
        "SELECT first, last, time, events FROM type::record('commit', $earliest..=$to) WHERE last >= $from",
        { earliest: earliestFirst(from), from, to },
      );
      return rows.map(decodeCommit);
    },
    async heads(from, to) {
      const rows = await read<{ first: number; last: number; time: number }>(
        "SELECT first, last, time FROM type::record('commit', $earliest..=$to) WHERE last >= $from",
        { earliest: earliestFirst(from), from, to },
      );
      return rows.map(({ first, last, time }): CommitHead => ({ first, last, timeMs: time }));
    },
    async commitsAt(firsts) {
      if (firsts.length === 0) return [];
      const ids = firsts.toSorted((a, b) => a - b).map((first) => new RecordId('commit', first));
      // A plain projection FROM a parameter fails in the embedded 3.0.2 ("Specify a database to use").
      const rows = await read<CommitRow>(
        'SELECT VALUE { first: first, last: last, time: time, events: events } FROM $ids',
        { ids },
      );
      // One that does not exist comes back as a row of nothing.
      return rows.filter(({ first }) => typeof first === 'number').map(decodeCommit);
    },
    async find(kind, terms) {
      const found = new Set(await read<number>(findText(kind, terms.length), { term: terms[0], terms }));
      return [...found].toSorted((a, b) => a - b);
    },

    async getRows(table, ids) {
      if (ids.length === 0) return [];
      return inTime(gathered.rows(tableOf(table).name, ids));
    },
    async listRows(table, { after, limit }) {
      const { name } = tableOf(table);
      // As a call, not as a literal range: only so the LIMIT stops the scan.
      const range = after === undefined ? '..' : '$after>..';
      const bodies = await read<string>(
        `SELECT VALUE body FROM type::record($table, ${range}) LIMIT $limit`,
        {
          table: name,
          after,
          limit,
        },
      );
      return bodies.map(decodeRow);
    },
    async readIndex(indexRead) {
      const table = tableOf(indexRead.table);
      const statement = indexStatement(table, indexRead);
      if (statement === undefined) return [];
      return cutOff(table, indexRead, await inTime(gathered.select(statement)));
    },
    async findText(textRead) {
      searchOf(tableOf(textRead.table), textRead.table);
      const { text, bindings } = textStatement(textRead);
      const found = await read<readonly [string, string]>(text, bindings);
      return found.map(([id, words]): StoredText => ({ id, words }));
    },
  };
};

const answeredInTime = async <T>(reading: PromiseLike<T>, timeoutMs: number): Promise<T> => {
  const late = Promise.withResolvers<never>();
  const timeout = setTimeout(
    () =>
      late.reject(
        new CrucibleError('log_unavailable', `The database did not answer within ${timeoutMs} ms`, {
          hint: 'Nothing was changed: send the request again when the database is back.',
          retryAfterMs: 1_000,
        }),
      ),
    timeoutMs,
  );
  try {
    return await Promise.race([reading, late.promise]);
  } finally {
    clearTimeout(timeout);
  }
};

const findText = (kind: TermKind, terms: number): string =>
  terms === 1
    ? `SELECT VALUE first FROM commit WHERE ${kind} CONTAINS $term`
    : `SELECT VALUE first FROM commit WHERE ${kind} CONTAINSANY $terms`;

/** A batch that cannot be encoded was never sent, so it is refused, and not of unknown outcome. */
const encoded = (batch: Batch, tables: ReadonlyMap<string, TableDefinition>): Statement => {
  try {
    return commitStatement(batch, tables);
  } catch (error) {
    if (error instanceof CommitFailure) throw error;
    throw new CommitFailure('refused', `It cannot be encoded: ${messageOf(error)}`, error);
  }
};

/** Drops the rows beyond `upTo`. They come in order, so what is left is the same as if the database had been asked. */
const cutOff = (table: TableDefinition, read: IndexRead, rows: readonly Row[]): readonly Row[] => {
  const { upTo } = read;
  const index = table.indexes.find(({ name }) => name === read.index);
  if (upTo === undefined || index === undefined) return rows;
  const { range } = readPlan(index, read);
  return range === undefined ? rows : rows.filter((row) => compareScalars(indexValue(row, range), upTo) <= 0);
};

/** Runs a transaction; one that lost against another is run again, because nothing of it was written. */
const transact = async (db: SurrealSession, { text, bindings }: Statement): Promise<readonly unknown[]> => {
  for (let attempt = 1; ; attempt += 1) {
    let answers: readonly (Answer & { readonly result?: unknown })[];
    try {
      answers = await db.query(text, bindings).responses();
    } catch (error) {
      throw withoutAnswer(error);
    }
    const failure = transactionFailure(answers);
    if (failure === undefined || failure.message.includes(WRITTEN))
      return answers.map(({ result }) => result);
    if (!isConflict(failure.message) || attempt >= CONFLICT_ATTEMPTS) throw failure;
  }
};

const acquire = async (db: SurrealSession, statement: Statement): Promise<Lease> => {
  let results: readonly unknown[];
  try {
    results = await transact(db, statement);
  } catch (error) {
    const held = new RegExp(`${HELD}(\\d+)`).exec(messageOf(error));
    if (held === null) throw error;
    throw new CrucibleError('fenced', 'Another process is the writer of the log', {
      hint: 'It keeps that place as long as it runs; this process may take it when the lease is over.',
      retryAfterMs: Number(held[1]),
      cause: error,
    });
  }
  const row = results.find((result) => isHeadRow(result));
  if (!isHeadRow(row)) throw new CommitFailure('unknown', 'The database did not answer with the head record');
  return {
    epoch: row.epoch,
    head: row.head,
    timeMs: row.time,
    firstAvailable: row.first_available,
    batch: row.batch,
  };
};

interface HeadRow {
  readonly epoch: number;
  readonly head: number;
  readonly time: number;
  readonly first_available: number;
  readonly batch: string | null;
}

const isHeadRow = (value: unknown): value is HeadRow =>
  typeof value === 'object' && value !== null && 'epoch' in value && 'first_available' in value;
