import { createHash } from 'node:crypto';
import type { JsonObject } from '../kernel/json.ts';
import type { Idempotency } from './log.ts';
import type { Row, TableDefinition } from './records.ts';

/** A key is remembered for 30 days; after that the same request counts as a new one. */
const IDEMPOTENCY_TTL_MS = 30 * 24 * 60 * 60 * 1_000;

/** The log's own table; a store has it besides the ones it is given. The index is for cleaning up by age. */
export const IDEMPOTENCY_TABLE: TableDefinition = {
  name: 'idempotency',
  indexes: [{ name: 'idempotency_time', fields: ['created_at'] }],
};

/** What is kept of a request that carried a key, so that a repeat gets the same answer. */
export type IdempotencyRecord = Row & {
  readonly hash: string;
  /** The positions of its events, as runs of `[first, count]`. */
  readonly positions: readonly (readonly [number, number])[];
  readonly answer: JsonObject | null;
  readonly created_at: number;
};

/** The id of a key's record: a hash, so that a key of any length and content fits, and none is stored in the clear. */
export const idempotencyId = ({ scope, key }: Idempotency): string =>
  createHash('sha256')
    .update(JSON.stringify([scope, key]))
    .digest('hex');

export const isExpired = (record: IdempotencyRecord, nowMs: number): boolean =>
  record.created_at + IDEMPOTENCY_TTL_MS <= nowMs;

export const idempotencyRecord = (
  idempotency: Idempotency,
  positions: readonly number[],
  answer: JsonObject | undefined,
  nowMs: number,
): IdempotencyRecord => ({
  id: idempotencyId(idempotency),
  hash: idempotency.hash,
  positions: toRuns(positions),
  answer: answer ?? null,
  created_at: nowMs,
});

/** `[4, 5, 6, 9]` to `[[4, 3], [9, 1]]`. */
export const toRuns = (positions: readonly number[]): [number, number][] => {
  const runs: [number, number][] = [];
  for (const position of positions) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === position) last[1] += 1;
    else runs.push([position, 1]);
  }
  return runs;
};

export const fromRuns = (runs: readonly (readonly [number, number])[]): number[] =>
  runs.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i));
