import { escapeIdent, type SurrealSession } from 'surrealdb';
import { CrucibleError } from '../kernel/errors.ts';
import { TERM_KINDS } from '../log/store.ts';
import type { TableDefinition } from '../log/records.ts';

/** The version of how things are stored. It grows when an older program could not read what this one writes. */
const STORE_VERSION = 2;
/** The oldest version that this program reads rightly. 1: other indexes of runs, whose claims stood on their rows. */
const OLDEST_VERSION = 2;

/** Fields that each stored row has of its own; see `row-codec.ts`. */
const OWN_FIELDS = new Set(['id', 'body']);
const OWN_TABLES = new Set(['commit', 'log_head', 'log_schema']);
const NAME = /^[a-z][a-z0-9_]*$/;

/** The column that says whether a row is in the index number `i`: 0 if it is, absent if not. */
export const membershipField = (i: number): string => `_in${i}`;

/** The columns of full-text search: the words of the row's text, and the value that a search is confined to. */
export const WORDS = '_words';
export const WITHIN = '_within';

/** Words are made and joined by blanks before they are stored (`src/log/words.ts`), the same way for each store. */
const ANALYZER = 'DEFINE ANALYZER IF NOT EXISTS crucible_words TOKENIZERS blank;';

/**
 * Defines what is missing. May be run any number of times.
 * @throws CrucibleError `store_too_new` when a newer version has written here, `config_invalid` when one has that was
 *   never released
 */
export const defineSchema = async (db: SurrealSession, tables: readonly TableDefinition[]): Promise<void> => {
  checkNames(tables);
  await db.query(`
    DEFINE TABLE IF NOT EXISTS log_schema SCHEMALESS;
    DEFINE TABLE IF NOT EXISTS log_head SCHEMALESS;
    DEFINE TABLE IF NOT EXISTS commit SCHEMALESS;
  `);
  await checkVersion(db);
  // `.*` is what makes the index one of the single terms.
  const terms = TERM_KINDS.map(
    (kind) => `DEFINE INDEX IF NOT EXISTS commit_${kind} ON commit FIELDS ${kind}.*;`,
  );
  await db.query([...terms, SHIPPED_FUNCTIONS, ANALYZER, ...tables.map(defineTable)].join('\n'));
  await db.query('UPSERT ONLY log_schema:main SET version = $version', { version: STORE_VERSION });
};

/** For people at a SurrealQL prompt: the events of the commits that begin in a range of positions. */
const SHIPPED_FUNCTIONS = `
  DEFINE FUNCTION IF NOT EXISTS fn::events($from: int, $to: int) {
    RETURN array::flatten((SELECT VALUE encoding::cbor::decode(events) FROM type::record('commit', $from..=$to)));
  };
`;

const checkVersion = async (db: SurrealSession): Promise<void> => {
  const [version] = await db.query<[number | null | undefined]>(
    'SELECT VALUE version FROM ONLY log_schema:main',
  );
  if (typeof version !== 'number') return;
  if (version < OLDEST_VERSION) {
    throw new CrucibleError(
      'config_invalid',
      `The database was written by a version before the first release (its format is ${version}, the oldest known one is ${OLDEST_VERSION})`,
      {
        hint: 'Use another data directory, or another namespace or database; nothing was changed in this one.',
      },
    );
  }
  if (version <= STORE_VERSION) return;
  throw new CrucibleError(
    'store_too_new',
    `The database was written by a newer version (its format is ${version}, this program knows ${STORE_VERSION})`,
    { hint: 'Use the newer program, or another data directory.' },
  );
};

/**
 * Each index begins with its membership column, so that every read is equality on a prefix and a range on the next field:
 * the one form that the database reads in index order with the LIMIT at the scan.
 */
const defineTable = ({ name, indexes, search }: TableDefinition): string => {
  const table = escapeIdent(name);
  const defined = indexes.map(({ name: index, fields }, i) => {
    const columns = [membershipField(i), ...fields].map((field) => escapeIdent(field)).join(', ');
    return `DEFINE INDEX IF NOT EXISTS ${escapeIdent(index)} ON ${table} FIELDS ${columns};`;
  });
  if (search !== undefined) {
    defined.push(
      `DEFINE INDEX IF NOT EXISTS ${escapeIdent(search.name)} ON ${table} FIELDS ${WORDS} FULLTEXT ANALYZER crucible_words BM25;`,
    );
  }
  return [`DEFINE TABLE IF NOT EXISTS ${table} SCHEMALESS;`, ...defined].join('\n');
};

const checkNames = (tables: readonly TableDefinition[]): void => {
  for (const { name, indexes, search } of tables) {
    if (!NAME.test(name) || OWN_TABLES.has(name)) throw new RangeError(`A table cannot be called ${name}`);
    if (search !== undefined && !NAME.test(search.name))
      throw new RangeError(`The full-text index of ${name} cannot be called ${search.name}`);
    for (const { name: index, fields } of indexes) {
      const wrong = [index, ...fields].find((part) => !NAME.test(part) || OWN_FIELDS.has(part));
      if (wrong !== undefined) throw new RangeError(`Index ${index} of ${name} cannot use the name ${wrong}`);
    }
  }
};
