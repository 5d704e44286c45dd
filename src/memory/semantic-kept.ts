import type { Log } from '../log/log.ts';
import type { Mutation, Row } from '../log/records.ts';
import { wrongDimensions } from './embeddings-answer.ts';
import {
  PROGRESS_ID,
  PROGRESS_TABLE,
  VECTOR_TABLE,
  decodeVector,
  type ProgressRow,
  type VectorRow,
} from './semantic-rows.ts';
import type { SemanticMatch } from './semantic.ts';
import { createVectors } from './semantic-vectors.ts';

/** The vectors of one model: as rows beside the log, and in this process to be searched. */
export interface KeptVectors {
  load(signal: AbortSignal): Promise<void>;
  /** Everything that has a row, of whatever model. */
  ids(): Iterable<string>;
  /** Whether the row of a memory, or what is left of one that is gone, needs nothing done. */
  isCurrent(memory: Row): boolean;
  /** Commits rows; undefined: there shall be none. They are not searched before `show`. */
  write(rows: ReadonlyMap<string, VectorRow | undefined>): Promise<void>;
  show(row: VectorRow): void;
  /** It is not found any more; its row stays. */
  hide(id: string): void;
  /** @throws EmbeddingsFailure for a vector that cannot be compared with those that there are */
  assertComparable(vector: Float32Array): void;
  nearest(
    vector: Float32Array,
    options: { readonly worlds: readonly string[] | undefined; readonly limit: number },
  ): readonly SemanticMatch[];
  /** How far the log had been followed; undefined: not with this model. */
  readProgress(): Promise<number | undefined>;
  writeProgress(position: number): Promise<void>;
}

export const createKeptVectors = (log: Pick<Log, 'append' | 'records'>, model: string): KeptVectors => {
  const vectors = createVectors();
  /** Of each row the hash of its text; '' if the vector has to be made anew. */
  const hashes = new Map<string, string>();

  const hide = (id: string): void => vectors.remove(id);
  const show = ({ id, world, vector }: VectorRow): void => {
    if (vector === '') hide(id);
    else vectors.put(id, world, decodeVector(vector));
  };
  const isComparable = (length: number): boolean => (vectors.dimensions ?? length) === length;
  const isOurs = (row: VectorRow): boolean =>
    row.model === model && (row.vector === '' || isComparable(decodeVector(row.vector).length));
  const commit = async (mutations: readonly Mutation[]): Promise<void> => {
    if (mutations.length > 0) await log.append({ events: [], mutations, ledger: true });
  };

  return {
    async load(signal) {
      for await (const row of rowsOf(log, VECTOR_TABLE.name, signal) as AsyncGenerator<VectorRow>) {
        const ours = isOurs(row);
        hashes.set(row.id, ours ? row.hash : '');
        if (ours) show(row);
      }
    },
    ids: () => hashes.keys(),
    isCurrent: ({ id, content, hash }) =>
      typeof content === 'string' ? hashes.get(id) === hash : !hashes.has(id),
    async write(rows) {
      const puts = [...rows.values()].filter((row) => row !== undefined);
      const gone = [...rows].flatMap(([id, row]) => (row === undefined ? [id] : []));
      // Only those that are there: an earlier try may have removed them, although it seemed to fail.
      const there = await log.records.getMany(VECTOR_TABLE.name, gone);
      await commit([
        ...puts.map((row): Mutation => ({ op: 'put', table: VECTOR_TABLE.name, row })),
        ...there.map(({ id }): Mutation => ({ op: 'remove', table: VECTOR_TABLE.name, id })),
      ]);
      for (const { id, hash } of puts) hashes.set(id, hash);
      for (const id of gone) hashes.delete(id);
    },
    show,
    hide,
    assertComparable({ length }) {
      if (!isComparable(length)) throw wrongDimensions(length, vectors.dimensions ?? length);
    },
    nearest: vectors.nearest,
    async readProgress() {
      const row = (await log.records.get(PROGRESS_TABLE.name, PROGRESS_ID)) as ProgressRow | undefined;
      return row?.model === model ? row.position : undefined;
    },
    async writeProgress(position) {
      const row: ProgressRow = { id: PROGRESS_ID, model, position };
      await commit([{ op: 'put', table: PROGRESS_TABLE.name, row }]);
    },
  };
};

const PAGE_ROWS = 1_000;

/** All rows of a table, in the order of ids, a page at a time. */
export async function* rowsOf(
  { records }: Pick<Log, 'records'>,
  table: string,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  for (let after: string | undefined; ;) {
    const page = { limit: PAGE_ROWS, ...(after === undefined ? {} : { after }) };
    const rows = await records.list(table, page);
    yield* rows;
    if (rows.length < PAGE_ROWS || signal.aborted) return;
    after = rows.at(-1)?.id;
  }
}
