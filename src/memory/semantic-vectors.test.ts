import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeVector, encodeVector } from './semantic-rows.ts';
import { createVectors } from './semantic-vectors.ts';

const of = (...numbers: number[]): Float32Array => Float32Array.from(numbers);

describe('vectors', () => {
  it('are found by their direction, best first, where one may look', () => {
    const vectors = createVectors();
    vectors.put('east', 'main', of(2, 0));
    vectors.put('north', 'main', of(0, 5));
    vectors.put('west', 'main', of(-1, 0));
    vectors.put('lab', 'lab', of(1, 0.1));
    const at = (worlds: readonly string[] | undefined, limit = 10) =>
      vectors.nearest(of(1, 0.2), { worlds, limit }).map(({ id }) => id);
    expect(at(undefined)).toEqual(['lab', 'east', 'north']);
    expect(at(['main'])).toEqual(['east', 'north']);
    expect(at(undefined, 1)).toEqual(['lab']);
    expect(at([])).toEqual([]);
    const [best] = vectors.nearest(of(3, 0), { worlds: ['main'], limit: 1 });
    expect(best).toMatchObject({ id: 'east', world: 'main' });
    expect(best?.score).toBeCloseTo(1, 6);
  });

  it('that are nothing are near to nothing', () => {
    const vectors = createVectors();
    vectors.put('zero', 'main', of(0, 0));
    vectors.put('one', 'main', of(1, 0));
    expect(vectors.nearest(of(0, 0), { worlds: undefined, limit: 5 })).toEqual([]);
    expect(vectors.nearest(of(1, 0), { worlds: undefined, limit: 5 })).toHaveLength(1);
  });

  it('of different lengths do not mix, until none is left', () => {
    const vectors = createVectors();
    expect(vectors.nearest(of(1), { worlds: undefined, limit: 1 })).toEqual([]);
    vectors.put('a', 'main', of(1, 2));
    expect(() => vectors.put('b', 'main', of(1))).toThrow(RangeError);
    expect(() => vectors.nearest(of(1), { worlds: undefined, limit: 1 })).toThrow(RangeError);
    vectors.remove('a');
    vectors.remove('a');
    vectors.put('b', 'main', of(1));
    expect(vectors.dimensions).toBe(1);
  });

  it('are what a plain list of them would give, however they come and go', () => {
    const id = fc.nat({ max: 400 }).map((n) => `m${n}`);
    const number = fc.integer({ min: -3, max: 3 });
    const change = fc.oneof(
      { weight: 3, arbitrary: fc.record({ id, vector: fc.tuple(number, number, number) }) },
      fc.record({ id }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 600, size: 'max' }), (changes) => {
        const vectors = createVectors();
        const plain = new Map<string, readonly number[]>();
        for (const one of changes) {
          if ('vector' in one) {
            vectors.put(one.id, 'w', of(...one.vector));
            plain.set(one.id, one.vector);
          } else {
            vectors.remove(one.id);
            plain.delete(one.id);
          }
        }
        const found = vectors.nearest(of(20, 46, -9), { worlds: ['w'], limit: 1_000 });
        const wanted = [...plain]
          .filter(([, [x = 0, y = 0, z = 0]]) => 20 * x + 46 * y - 9 * z > 0)
          .map(([name]) => name);
        expect(found.map((match) => match.id).toSorted()).toEqual(wanted.toSorted());
      }),
      { numRuns: 50 },
    );
  });

  it('come back from a row as they were', () => {
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 50 }), (vector) => {
        expect(decodeVector(encodeVector(vector))).toEqual(vector);
      }),
    );
  });
});
