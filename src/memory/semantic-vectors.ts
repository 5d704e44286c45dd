import type { SemanticMatch } from './semantic.ts';

/**
 * The vectors of all memories, side by side in one block, compared one by one: 5,000 of 768 numbers in a few
 * milliseconds (docs/reference/performance.md), so that no index has to be kept.
 */
export interface Vectors {
  /** In place of the one that it had. @throws RangeError when it is not as long as the others */
  put(id: string, world: string, vector: Float32Array): void;
  remove(id: string): void;
  /** By cosine, best first, equal ones by id; those that point away are left out. */
  nearest(
    vector: Float32Array,
    options: { readonly worlds: readonly string[] | undefined; readonly limit: number },
  ): readonly SemanticMatch[];
  /** Of each vector; undefined while there is none. */
  readonly dimensions: number | undefined;
}

const FIRST_CAPACITY = 256;

export const createVectors = (): Vectors => {
  let dimensions: number | undefined;
  let block = new Float32Array(0);
  const slots = new Map<string, number>();
  /** By slot; the last one moves into the place of one that goes, so that there is no gap. */
  const held: { readonly id: string; readonly world: string }[] = [];

  const slotOf = (id: string): number => {
    const slot = slots.get(id) ?? held.length;
    const size = dimensions ?? 0;
    if ((slot + 1) * size > block.length) {
      const grown = new Float32Array(Math.max(FIRST_CAPACITY, slot * 2) * size);
      grown.set(block);
      block = grown;
    }
    slots.set(id, slot);
    return slot;
  };

  return {
    get dimensions() {
      return dimensions;
    },
    put(id, world, vector) {
      dimensions ??= vector.length;
      if (vector.length !== dimensions)
        throw new RangeError(`The vector of ${id} has ${vector.length} numbers, not ${dimensions}`);
      const slot = slotOf(id);
      held[slot] = { id, world };
      block.set(unit(vector), slot * dimensions);
    },
    remove(id) {
      const slot = slots.get(id);
      const last = held.pop();
      if (slot === undefined || last === undefined || dimensions === undefined) {
        if (last !== undefined) held.push(last);
        return;
      }
      slots.delete(id);
      if (last.id !== id) {
        held[slot] = last;
        slots.set(last.id, slot);
        block.copyWithin(slot * dimensions, held.length * dimensions, (held.length + 1) * dimensions);
      }
      if (held.length === 0) dimensions = undefined;
    },
    nearest(vector, { worlds, limit }) {
      if (dimensions === undefined) return [];
      if (vector.length !== dimensions)
        throw new RangeError(`The vector asked for has ${vector.length} numbers, not ${dimensions}`);
      const asked = unit(vector);
      const visible = worlds === undefined ? undefined : new Set(worlds);
      const matches: SemanticMatch[] = [];
      for (const [slot, { id, world }] of held.entries()) {
        if (visible?.has(world) === false) continue;
        const score = dot(asked, block, slot * dimensions);
        if (score > 0) matches.push({ id, world, score });
      }
      return matches.toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)).slice(0, limit);
    },
  };
};

/** Of length 1, so that the product of two is the cosine. The vector of nothing stays nothing, and is near to nothing. */
const unit = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(dot(vector, vector, 0));
  return length === 0 ? vector : vector.map((number) => number / length);
};

/** Four sums side by side: the processor need not wait for one addition to begin the next. */
const dot = (a: Float32Array, block: Float32Array, offset: number): number => {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = a.length - (a.length % 4);
  for (let i = 0; i < whole; i += 4) {
    const j = offset + i;
    s0 += (a[i] ?? 0) * (block[j] ?? 0);
    s1 += (a[i + 1] ?? 0) * (block[j + 1] ?? 0);
    s2 += (a[i + 2] ?? 0) * (block[j + 2] ?? 0);
    s3 += (a[i + 3] ?? 0) * (block[j + 3] ?? 0);
  }
  for (let i = whole; i < a.length; i += 1) s0 += (a[i] ?? 0) * (block[offset + i] ?? 0);
  return s0 + s1 + s2 + s3;
};
