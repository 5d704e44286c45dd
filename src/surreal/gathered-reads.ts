import { RecordId, type SurrealSession } from 'surrealdb';
import { decodeRow } from './row-codec.ts';
import type { Row } from '../log/records.ts';
import type { Statement } from './statements.ts';

/** A statement whose parameters end in `suffix`, so that several can stand in one query. */
export type Suffixed = (suffix: string) => Statement;

/** Small reads of rows, by id or by index, that share queries. */
export interface GatheredReads {
  /** In the order of `ids`, without the ones that do not exist. */
  rows(table: string, ids: readonly string[]): Promise<readonly Row[]>;
  /** The rows whose bodies a statement selects. */
  select(statement: Suffixed): Promise<readonly Row[]>;
}

/** What one query may hold. */
const MAX_STATEMENTS = 64;
const MAX_IDS = 2_000;

interface RowsOfTable {
  readonly ids: Set<string>;
  readonly found: PromiseWithResolvers<ReadonlyMap<string, Row>>;
}

interface Selection {
  readonly statement: Suffixed;
  readonly found: PromiseWithResolvers<readonly Row[]>;
}

/** What goes into one query. */
interface Gathering {
  readonly tables: Map<string, RowsOfTable>;
  readonly selections: Selection[];
  ids: number;
}

const gathering = (): Gathering => ({ tables: new Map(), selections: [], ids: 0 });

/**
 * A query costs the embedded engine about 140 us before it does anything, as much as reading ten rows. So what is asked
 * for in one turn of the event loop, by whomever, goes out as one query; and while `atOnce` queries are under way, what
 * comes is gathered for the next one. Each statement in a query is a read of its own: one that fails fails alone.
 */
export const createGatheredReads = (
  db: Pick<SurrealSession, 'query'>,
  { atOnce }: { readonly atOnce: number },
): GatheredReads => {
  /** In their order; the last one still takes more. */
  const waiting: Gathering[] = [];
  let underWay = 0;
  let scheduled = false;

  const open = (): Gathering => {
    const last = waiting.at(-1);
    if (
      last !== undefined &&
      last.ids < MAX_IDS &&
      last.tables.size + last.selections.length < MAX_STATEMENTS
    )
      return last;
    const fresh = gathering();
    waiting.push(fresh);
    return fresh;
  };

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      sendOut();
    });
  };

  const sendOut = (): void => {
    while (underWay < atOnce) {
      const next = waiting.shift();
      if (next === undefined) return;
      underWay += 1;
      void send(db, next).finally(() => {
        underWay -= 1;
        sendOut();
      });
    }
  };

  return {
    async rows(table, ids) {
      const into = open();
      let asked = into.tables.get(table);
      if (asked === undefined) {
        asked = { ids: new Set(), found: Promise.withResolvers() };
        into.tables.set(table, asked);
      }
      for (const id of ids) asked.ids.add(id);
      into.ids += ids.length;
      schedule();
      const found = await asked.found.promise;
      return ids.flatMap((id) => found.get(id) ?? []);
    },
    select(statement) {
      const found = Promise.withResolvers<readonly Row[]>();
      open().selections.push({ statement, found });
      schedule();
      return found.promise;
    },
  };
};

/** Never rejects: each read is told for itself how it went. */
const send = async (db: Pick<SurrealSession, 'query'>, { tables, selections }: Gathering): Promise<void> => {
  const bindings: Record<string, unknown> = {};
  const texts: string[] = [];
  const reads: {
    readonly resolve: (rows: readonly Row[]) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  const fail = (error: unknown): void => {
    for (const { found } of [...tables.values(), ...selections]) found.reject(error);
  };
  try {
    for (const [table, { ids, found }] of tables) {
      bindings[`ids${texts.length}`] = Array.from(ids, (id) => new RecordId(table, id));
      texts.push(`SELECT VALUE body FROM $ids${texts.length}`);
      const resolve = (rows: readonly Row[]) => found.resolve(new Map(rows.map((row) => [row.id, row])));
      reads.push({ resolve, reject: found.reject });
    }
    for (const { statement, found } of selections) {
      const { text, bindings: own } = statement(`_${texts.length}`);
      Object.assign(bindings, own);
      texts.push(text);
      reads.push(found);
    }
    const answers = await db.query(texts.join(';\n'), bindings).responses();
    for (const [i, { resolve, reject }] of reads.entries()) {
      const answer = answers[i];
      if (answer?.success !== true) reject(answer?.error ?? new Error('The database left out an answer'));
      else resolve(rowsOf(answer.result));
    }
  } catch (error) {
    fail(error);
  }
};

/** One that does not exist comes back as nothing, or not at all. */
const rowsOf = (bodies: unknown): readonly Row[] =>
  (bodies as readonly unknown[]).flatMap((body) => (typeof body === 'string' ? [decodeRow(body)] : []));
