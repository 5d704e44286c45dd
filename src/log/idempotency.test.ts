import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromRuns, idempotencyId, toRuns } from './idempotency.ts';

describe('the record of an idempotency key', () => {
  test('keeps positions as runs, in their order, with repeats', () => {
    expect(toRuns([4, 5, 6, 9])).toEqual([
      [4, 3],
      [9, 1],
    ]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 })), (positions) => {
        expect(fromRuns(toRuns(positions))).toEqual(positions);
      }),
    );
  });

  test('has an id that no other pair of scope and key has, and that shows neither', () => {
    const id = (scope: string, key: string): string => idempotencyId({ scope, key, hash: '' });
    expect(id('a', 'bc')).not.toBe(id('ab', 'c'));
    expect(id('a","b', 'c')).not.toBe(id('a', 'b","c'));
    expect(id('scope', 'key')).toMatch(/^[0-9a-f]{64}$/);
  });
});
