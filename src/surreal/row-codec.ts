import { RecordId } from 'surrealdb';
import { CommitFailure } from '../log/store.ts';
import { indexValue, type IndexDefinition } from '../log/scalar-order.ts';
import type { Row, Scalar, TableDefinition } from '../log/records.ts';
import { searchedText } from '../log/searched-text.ts';
import { membershipField, WITHIN, WORDS } from './schema.ts';

/*
 * A stored row is its JSON text in `body`, and beside it the fields that an index needs, so that what is read is to the
 * byte what JSON says (null, floats, large numbers, deep nesting), whatever the database's own types make of it.
 */

/** How a row goes into the database. */
export const encodeRow = ({ name, indexes, search }: TableDefinition, row: Row): object => {
  const stored: Record<string, unknown> = { id: new RecordId(name, row.id), body: JSON.stringify(row) };
  indexes.forEach((index, i) => {
    if (!isMember(index, row)) return;
    stored[membershipField(i)] = 0;
    for (const field of index.fields) {
      const value = indexValue(row, field);
      if (value !== null) stored[field] = indexed(name, field, value);
    }
  });
  const text = search === undefined ? undefined : searchedText(search, row);
  if (search !== undefined && text !== undefined) {
    stored[WORDS] = text.words;
    const within = indexValue(row, search.within);
    if (within !== null) stored[WITHIN] = indexed(name, search.within, within);
  }
  return stored;
};

const isMember = (index: IndexDefinition, row: Row): boolean => {
  const last = index.fields.at(-1);
  return last !== undefined && indexValue(row, last) !== null;
};

/** Whole numbers beyond 2^53 cannot be told from their neighbours, and the client library does not send them. */
export const isIndexable = (value: Scalar): boolean =>
  typeof value !== 'number' ||
  Number.isSafeInteger(value) ||
  (Number.isFinite(value) && !Number.isInteger(value));

const indexed = (table: string, field: string, value: Scalar): Scalar => {
  if (!isIndexable(value)) {
    throw new CommitFailure('refused', `${table}.${field} is indexed and must stay within 2^53, is ${value}`);
  }
  // -0 and 0 are the same number, but not to the database.
  return value === 0 ? 0 : value;
};

export const decodeRow = (body: string): Row => JSON.parse(body) as Row;
