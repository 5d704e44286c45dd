import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareScalars } from '../log/scalar-order.ts';
import { lowerBound } from './lower-bound.ts';

const scalar = fc.oneof(
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, min: -1e9, max: 1e9 }),
  fc.constantFrom(
    0,
    -0,
    Number.MIN_SAFE_INTEGER,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_VALUE,
    -Number.MIN_VALUE,
  ),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '\u0000', 'a\u0000'),
);

describe('the lower bound', () => {
  test('lets through exactly what is greater', () => {
    fc.assert(
      fc.property(scalar, scalar, (after, value) => {
        const passes = compareScalars(value, lowerBound(after)) >= 0;
        expect(passes).toBe(compareScalars(value, after) > 0);
      }),
      { numRuns: 2_000 },
    );
  });

  test('is beyond null when there is none, and stays within what may be indexed', () => {
    expect(lowerBound(undefined)).toBe(false);
    expect(lowerBound(-1e300)).toBe(Number.MIN_SAFE_INTEGER);
    expect(lowerBound(1e300)).toBe('');
    expect(Object.is(lowerBound(-Number.MIN_VALUE), 0)).toBe(true);
  });
});
