import type { Row, TableDefinition } from './records.ts';
import type { StoredText } from './text-rank.ts';
import { documentWords } from './words.ts';

type SearchDefinition = NonNullable<TableDefinition['search']>;

/** @throws RangeError: to search a table without full text is a mistake in the program */
export const searchOf = (table: TableDefinition | undefined, name: string): SearchDefinition => {
  if (table?.search === undefined) throw new RangeError(`The table ${name} has no full-text search`);
  return table.search;
};

/** The words that a row is found by; undefined when it has no text. */
export const searchedText = ({ field }: SearchDefinition, row: Row): StoredText | undefined => {
  const text = row[field];
  return typeof text === 'string' ? { id: row.id, words: documentWords(text).join(' ') } : undefined;
};
