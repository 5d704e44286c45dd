import { escapeIdent, RecordId } from 'surrealdb';
import { LEASE_MS, type Batch, type TableWrites } from '../log/store.ts';
import type { TableDefinition } from '../log/records.ts';
import { encodeCommit } from './commit-codec.ts';
import { FENCED, HELD, WRITTEN } from './failures.ts';
import { encodeRow } from './row-codec.ts';

/** SurrealQL with its parameters. Values of users stand in the parameters only. */
export interface Statement {
  readonly text: string;
  readonly bindings: Record<string, unknown>;
}

/*
 * The fence: a transaction of an old epoch is refused by reading the head record and throwing. (An UPDATE with the epoch
 * in its WHERE would change nothing and let the rest of the transaction through.) Two transactions that both pass it
 * conflict on the head record, which each of them writes, and only one commits.
 */
const FENCE = `IF (SELECT VALUE epoch FROM ONLY log_head:main) != $epoch { THROW '${FENCED}' };`;

/*
 * The client library sends what was under way again when its connection comes back, so every statement here may be run
 * twice. A commit that stands already says so and changes nothing; taking the lease twice gives the same epoch.
 */
const ONCE = `IF (SELECT VALUE batch FROM ONLY log_head:main) = $batch { THROW '${WRITTEN}' };`;
const NOW = 'time::millis(time::now())';

export const commitStatement = (batch: Batch, tables: ReadonlyMap<string, TableDefinition>): Statement => {
  const { commit } = batch;
  const bindings: Record<string, unknown> = { epoch: batch.epoch, batch: batch.id };
  const writes = batch.writes.flatMap((write, i) =>
    tableStatements(write, definitionOf(tables, write.table), i, bindings),
  );
  if (commit !== undefined) {
    bindings['commit'] = encodeCommit(commit);
    bindings['head'] = commit.last;
    bindings['time'] = commit.timeMs;
  }
  const head = commit === undefined ? '' : 'head = $head, time = $time, ';
  const text = [
    'BEGIN;',
    FENCE,
    ONCE,
    ...(commit === undefined ? [] : ['INSERT INTO commit $commit RETURN NONE;']),
    ...writes,
    `UPDATE ONLY log_head:main SET ${head}batch = $batch, lease_until = ${NOW} + ${LEASE_MS} RETURN NONE;`,
    'COMMIT;',
  ].join('\n');
  return { text, bindings };
};

const definitionOf = (tables: ReadonlyMap<string, TableDefinition>, name: string): TableDefinition => {
  const table = tables.get(name);
  if (table === undefined) throw new RangeError(`There is no table ${name}`);
  return table;
};

const tableStatements = (
  { insert, update, remove }: TableWrites,
  table: TableDefinition,
  i: number,
  bindings: Record<string, unknown>,
): string[] => {
  const statements: string[] = [];
  if (insert.length > 0) {
    bindings[`insert${i}`] = insert.map((row) => encodeRow(table, row));
    statements.push(`INSERT INTO ${escapeIdent(table.name)} $insert${i} RETURN NONE;`);
  }
  if (update.length > 0) {
    // The fastest of the bulk forms by far. It would pass over a row that is not there, but the loop has just read
    // them all, and the fence says that nobody has written since.
    bindings[`update${i}`] = update.map((row) => encodeRow(table, row));
    statements.push(`FOR $row IN $update${i} { UPDATE ONLY $row.id REPLACE $row RETURN NONE };`);
  }
  if (remove.length > 0) {
    bindings[`remove${i}`] = remove.map((id) => new RecordId(table.name, id));
    statements.push(`DELETE $remove${i} RETURN NONE;`);
  }
  return statements;
};

/**
 * Takes the next epoch, unless another holder's lease is good and `takeover` is false; a holder that has an epoch after
 * `known` already keeps it. Times by the database's clock.
 */
export const acquireStatement = (
  holder: string,
  known: number,
  takeover: boolean,
  url: string | undefined,
): Statement => ({
  text: `
    BEGIN;
    LET $now = ${NOW};
    LET $was = (SELECT * FROM ONLY log_head:main);
    IF $was != NONE AND !$takeover AND $was.holder != $holder AND $was.lease_until > $now {
      THROW '${HELD}' + <string>($was.lease_until - $now)
    };
    UPSERT ONLY log_head:main SET
      epoch = IF $was.holder = $holder AND $was.epoch > $known { $was.epoch } ELSE { ($was.epoch ?? 0) + 1 },
      holder = $holder,
      url = $url,
      lease_until = $now + ${LEASE_MS},
      head = $was.head ?? 0,
      time = $was.time ?? 0,
      first_available = $was.first_available ?? 1,
      batch = $was.batch ?? NULL
      RETURN AFTER;
    COMMIT;`,
  bindings: { holder, known, takeover, url: url ?? null },
});

/** Who holds the lease, and for how much longer, by the database's clock. */
export const LEADER_STATEMENT = `SELECT VALUE { epoch: epoch, url: url ?? NULL, leaseMs: lease_until - ${NOW} } FROM log_head:main`;
export const HEAD_BATCH_STATEMENT = 'SELECT VALUE batch FROM log_head:main';

export const renewStatement = (epoch: number): Statement => ({
  text: `BEGIN; ${FENCE} UPDATE ONLY log_head:main SET lease_until = ${NOW} + ${LEASE_MS} RETURN NONE; COMMIT;`,
  bindings: { epoch },
});

export const releaseStatement = (epoch: number): Statement => ({
  text: 'UPDATE log_head:main SET lease_until = 0 WHERE epoch = $epoch RETURN NONE;',
  bindings: { epoch },
});
