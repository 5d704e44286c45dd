import { EmbeddingsFailure } from './embeddings-failure.ts';

/**
 * The vectors in an answer of `POST /embeddings`, in the order of the texts.
 * @throws EmbeddingsFailure `lasting`, saying what is wrong with it
 */
export const readVectors = (
  body: string,
  count: number,
  dimensions: number | undefined,
): readonly Float32Array[] => {
  const items = itemsOf(body);
  if (items.length !== count) throw unreadable(`has ${items.length} vectors for ${count} texts`);
  const vectors: Float32Array[] = [];
  for (const [i, item] of items.entries()) {
    const index = item.index ?? i;
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= count)
      throw unreadable('numbers its vectors wrongly');
    if (vectors[index] !== undefined) throw unreadable('has two vectors for one text');
    vectors[index] = vectorOf(item.embedding);
  }
  const [first] = vectors;
  const expected = dimensions ?? first?.length;
  const odd = vectors.find(({ length }) => length !== expected);
  if (odd !== undefined && expected !== undefined) throw wrongDimensions(odd.length, expected);
  return vectors;
};

export const unreadable = (what: string): EmbeddingsFailure =>
  new EmbeddingsFailure('lasting', `the answer of the service ${what}`, {
    hint: 'Is CRUCIBLE_EMBEDDINGS_URL the base of an API in the form of OpenAI’s, such as https://api.openai.com/v1?',
  });

export const wrongDimensions = (found: number, expected: number): EmbeddingsFailure =>
  new EmbeddingsFailure('lasting', `the service gives vectors of ${found} numbers, not of ${expected}`, {
    hint: 'Set CRUCIBLE_EMBEDDINGS_DIMENSIONS to what the model gives, or choose the model that it was before.',
  });

interface Item {
  readonly index?: unknown;
  readonly embedding?: unknown;
}

const itemsOf = (body: string): readonly Item[] => {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw unreadable('is not JSON');
  }
  if (typeof value !== 'object' || value === null || !('data' in value) || !Array.isArray(value.data))
    throw unreadable('has no list `data`');
  return value.data.map((item: unknown): Item => {
    if (typeof item !== 'object' || item === null) throw unreadable('has a vector that is not an object');
    return item;
  });
};

const vectorOf = (embedding: unknown): Float32Array => {
  if (!Array.isArray(embedding) || embedding.length === 0) throw unreadable('has a text without a vector');
  const numbers: readonly unknown[] = embedding;
  const vector = new Float32Array(numbers.length);
  for (const [i, number] of numbers.entries()) {
    if (typeof number !== 'number') throw unreadable('has a vector that is not of numbers');
    vector[i] = number;
  }
  // A number may be finite and yet too large for a single float.
  if (!vector.every(Number.isFinite)) throw unreadable('has a number that is too large');
  return vector;
};
