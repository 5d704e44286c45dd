import type { Row, TableDefinition } from '../log/records.ts';

/** The vector of a memory, under the memory's id. */
export const VECTOR_TABLE: TableDefinition = { name: 'memory_vector', indexes: [] };
/** One row: how far the index has followed the log. */
export const PROGRESS_TABLE: TableDefinition = { name: 'memory_vector_progress', indexes: [] };

export const SEMANTIC_TABLES: readonly TableDefinition[] = [VECTOR_TABLE, PROGRESS_TABLE];

export type VectorRow = Row & {
  readonly world: string;
  /** Of the content that the vector is of, as the memory's row has it. */
  readonly hash: string;
  /** What made it (`Embeddings.identity`). */
  readonly model: string;
  /** 32-bit floats, little-endian, in base64; empty for a text that has no vector: blank, or refused. */
  readonly vector: string;
};

export type ProgressRow = Row & {
  readonly model: string;
  /** Everything up to this position has been seen to. */
  readonly position: number;
};

export const PROGRESS_ID = 'main';

export const encodeVector = (vector: Float32Array): string => {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [i, number] of vector.entries()) bytes.writeFloatLE(number, i * 4);
  return bytes.toString('base64');
};

export const decodeVector = (text: string): Float32Array => {
  const bytes = Buffer.from(text, 'base64');
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
};
