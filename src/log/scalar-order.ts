import type { IndexRead, Row, Scalar, TableDefinition } from './records.ts';

/**
 * The order of an index, the same for every store: absent and null first, then booleans, numbers, strings; strings by
 * code point, not by UTF-16 unit.
 */
export const compareScalars = (a: Scalar | null, b: Scalar | null): number => {
  const byRank = rank(a) - rank(b);
  if (byRank !== 0) return byRank;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (a === b || a === null || b === null) return 0;
  return a < b ? -1 : 1;
};

/** By code point: the order of the UTF-8 bytes. */
export const compareText = (a: string, b: string): number => {
  if (a === b) return 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
};

const rank = (value: Scalar | null): number => {
  if (value === null) return 0;
  if (typeof value === 'boolean') return 1;
  return typeof value === 'number' ? 2 : 3;
};

/** The value of a row's field as an index sees it. */
export const indexValue = (row: Row, field: string): Scalar | null => {
  const value = row[field];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
};

export type IndexDefinition = TableDefinition['indexes'][number];

/** The fields that an index read names: those that must be equal, and the one that the range is on, if any. */
export const readPlan = (
  index: IndexDefinition,
  read: IndexRead,
): {
  readonly equal: readonly (readonly [string, Scalar])[];
  readonly range: string | undefined;
  readonly last: string;
} => {
  const equal = read.equals.map((value, i): readonly [string, Scalar] => {
    const field = index.fields[i];
    if (field === undefined)
      throw new RangeError(`Index ${index.name} has ${index.fields.length} fields, not ${i + 1}`);
    return [field, value];
  });
  const range = index.fields[equal.length];
  const last = index.fields.at(-1);
  if (last === undefined) throw new RangeError(`Index ${index.name} has no fields`);
  if (range === undefined && (read.after !== undefined || read.upTo !== undefined)) {
    throw new RangeError(`Index ${index.name} has no field left for a range`);
  }
  return { equal, range, last };
};
