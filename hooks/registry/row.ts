import type { Issue } from '../../src/kernel/errors.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { Row, TableDefinition } from '../../src/log/records.ts';
import type { HookDefinition } from '../definition.ts';
import type { HookView } from '../service.ts';

/** The registered hooks: a row each, its id the hook's name. The definition stands in `DEFINITION_TABLE` under its hash. */
export const HOOK_TABLE: TableDefinition = { name: 'hook', indexes: [] };

export type HookRow = {
  /** The name. */
  readonly id: string;
  readonly hash: string;
  /** What holds: of a hook in a file it may differ from what the definition says, see `setEnabled`. */
  readonly enabled: boolean;
  readonly worlds: readonly string[];
  readonly file: string | null;
  readonly errors: readonly JsonObject[];
  /** ms since the epoch */
  readonly created_at: number;
  readonly updated_at: number;
};

// Rows of this table are written by this folder alone, in this shape: reading them back needs no second check.

export const hookFrom = (row: Row): HookRow => row as unknown as HookRow;

/** @param row of `DEFINITION_TABLE`, written by `change.ts` */
export const definitionFrom = (row: Row): HookDefinition => row['definition'] as unknown as HookDefinition;

export const errorsAsJson = (issues: readonly Issue[]): readonly JsonObject[] =>
  issues.map((issue) => Object.fromEntries(Object.entries(issue).filter(([, value]) => value !== undefined)));

export const viewOf = (row: HookRow, definition: HookDefinition): HookView => ({
  id: row.id,
  definition,
  hash: row.hash,
  enabled: row.enabled,
  file: row.file,
  errors: row.errors as unknown as readonly Issue[],
  created_at: row.created_at,
  updated_at: row.updated_at,
});
