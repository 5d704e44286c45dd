import { RecordId } from 'surrealdb';
import { CommitFailure } from '../log/store.ts';
import { indexValue, type IndexDefinition } from '../log/scalar-order.ts';
import type { Row, TableDefinition } from '../log/records.ts';
import { membershipField } from './schema.ts';

/*
 * A stored row is its JSON text in `body`, and beside it the fields that an index needs, so that what is read is to the
 * byte what JSON says (null, floats, large numbers, deep nesting), whatever the database's own types make of it.
 */

/** How a row goes into the database. */
export const encodeRow = ({ name, indexes }: TableDefinition, row: Row): object => {
  const stored: Record<string, unknown> = { id: new RecordId(name, row.id), body: JSON.stringify(row) };
  indexes.forEach((index, i) => {
    if (!isMember(index, row)) return;
    stored[membershipField(i)] = 0;
    for (const field of index.fields) {
      const value = indexValue(row, field);
      if (value !== null) stored[field] = indexable(name, field, value);
    }
  });
  return stored;
};

const isMember = (index: IndexDefinition, row: Row): boolean => {
  const last = index.fields.at(-1);
  return last !== undefined && indexValue(row, last) !== null;
};

/** The value as the index takes it; what cannot be told from a neighbour there is refused. */
export const indexable = (
  table: string,
  field: string,
  value: string | number | boolean,
): string | number | boolean => {
  if (typeof value !== 'number') return value;
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new CommitFailure('refused', `${table}.${field} is indexed and must stay within 2^53, is ${value}`);
  }
  // -0 and 0 are the same number, but not to the database.
  return value === 0 ? 0 : value;
};

export const decodeRow = (body: string): Row => JSON.parse(body) as Row;
