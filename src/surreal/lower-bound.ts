import type { Scalar } from '../log/records.ts';

/**
 * The least value that is greater than `after` in an index (booleans, then numbers, then strings); without one, the least
 * value of all but null. Reads say `field >= lowerBound(after)` because the embedded 3.0.2 takes `>` for `>=` on a field
 * that is not the last of its index.
 */
export const lowerBound = (after: Scalar | undefined): Scalar => {
  if (after === undefined) return false;
  if (typeof after === 'boolean') return after ? LEAST_NUMBER : true;
  if (typeof after === 'string') return `${after}\u0000`;
  if (after >= Number.MAX_SAFE_INTEGER) return LEAST_STRING;
  return after < LEAST_NUMBER ? LEAST_NUMBER : nextUp(after);
};

/** Of what may be indexed (`row-codec.ts`): whole numbers are safe ones, and fractions are smaller than those. */
const LEAST_NUMBER = Number.MIN_SAFE_INTEGER;
const LEAST_STRING = '';

const double = new DataView(new ArrayBuffer(8));

/** The next larger double (IEEE 754): its bits, read as an integer, count up away from zero. */
const nextUp = (value: number): number => {
  if (value === 0) return Number.MIN_VALUE;
  double.setFloat64(0, value);
  double.setBigInt64(0, double.getBigInt64(0) + (value > 0 ? 1n : -1n));
  const next = double.getFloat64(0);
  return next === 0 ? 0 : next;
};
