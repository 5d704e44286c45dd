import type { IndexRead, Row, TableDefinition } from './records.ts';
import { compareScalars, compareText, indexValue, readPlan, type IndexDefinition } from './scalar-order.ts';

/** Whether an index read finds this row, its limit aside. @throws RangeError where index and read do not fit */
export const isIndexed = (index: IndexDefinition, read: IndexRead): ((row: Row) => boolean) => {
  const { equal, range, last } = readPlan(index, read);
  const { after, upTo } = read;
  return (row) => {
    if (indexValue(row, last) === null) return false;
    // Scalars of the same type and value are the same to `===`.
    if (!equal.every(([field, value]) => indexValue(row, field) === value)) return false;
    if (range === undefined) return true;
    const value = indexValue(row, range);
    if (value === null) return false;
    if (after !== undefined && compareScalars(value, after) <= 0) return false;
    return upTo === undefined || compareScalars(value, upTo) <= 0;
  };
};

/** The order in which an index read gives rows. */
export const inIndexOrder =
  ({ fields }: IndexDefinition) =>
  (a: Row, b: Row): number => {
    for (const field of fields) {
      const order = compareScalars(indexValue(a, field), indexValue(b, field));
      if (order !== 0) return order;
    }
    return compareText(a.id, b.id);
  };

/** @throws RangeError: to read by what was not declared is a mistake in the program */
export const indexIn =
  (tableOf: (name: string) => TableDefinition | undefined) =>
  (table: string, name: string): IndexDefinition => {
    const index = tableOf(table)?.indexes.find((each) => each.name === name);
    if (index === undefined) throw new RangeError(`There is no index ${name} on ${table}`);
    return index;
  };
