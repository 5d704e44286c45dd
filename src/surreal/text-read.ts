import { escapeIdent } from 'surrealdb';
import { MAX_CANDIDATES, type TextRead } from '../log/store.ts';
import { isIndexable } from './row-codec.ts';
import { WITHIN, WORDS } from './schema.ts';
import type { Statement } from './statements.ts';

/**
 * The rows that the full-text index names for these words, with all their words: the database finds, `rank` looks at
 * each and decides. Measured: servers of 3.3 go on naming rows for words that an update has taken away, and the scores
 * (`search::score`) of words that half of the rows have are 0 for every row; and to have them costs more than to read
 * the words.
 */
export const textStatement = ({ table, words, within }: TextRead): Statement => {
  const bindings: Record<string, unknown> = { words: words.join(' '), limit: MAX_CANDIDATES };
  const clauses = [`${WORDS} @@ $words`];
  if (within !== undefined) {
    bindings['within'] = within.filter(isIndexable).map((value) => (value === 0 ? 0 : value));
    clauses.push(`${WITHIN} IN $within`);
  }
  return {
    text: `SELECT VALUE [record::id(id), ${WORDS}] FROM ${escapeIdent(table)} WHERE ${clauses.join(' AND ')} LIMIT $limit`,
    bindings,
  };
};
