import type { Log } from '../log/log.ts';
import type { Mutation, TableDefinition } from '../log/records.ts';

/** Who claims: one execution of a drain's activity. */
export interface Claimer {
  readonly target: string;
  readonly temporalRunId: string;
  /** Of this execution alone: another one of the same activity has another token. */
  readonly token: string;
}

/*
 * Who works the line of a target: one row a target, which names the claimer by its token. Whoever works it writes only
 * as long as the row says so (`guard`), and a new claimer puts its own token there before it does anything else. So
 * one row fences a whole line, and to claim a run costs no write.
 */

/** The row of a target's line; its id is the target. */
export type Line = {
  readonly id: string;
  /** Of the claimer that took the line last. */
  readonly token: string;
  readonly temporal_run_id: string;
  readonly taken_at: number;
};

export const LINE_TABLE: TableDefinition = { name: 'line', indexes: [], recent: 1_000 };

/** What a policy remembers by key: `{id: <target> <key>, memory}`. */
export const LINE_KEY_TABLE: TableDefinition = { name: 'line_key', indexes: [] };

export const lineKeyId = (target: string, key: string): string => `${target} ${key}`;

/** Holds in a commit as long as the line is this claimer's. */
export const lineGuard = ({ target, token }: Claimer): Mutation => ({
  op: 'check',
  table: LINE_TABLE.name,
  id: target,
  when: { token },
});

/**
 * What this process knows of whose lines are: fed with every commit of the one writer, where that is this process in the
 * turn of its acknowledgement, and in a worker a moment later. So it says early that a line is lost, so that nothing more
 * is begun; what decides is the guard in each commit. It does not say so too early: an append resolves when this process
 * has been told of it, and so the token of a new claimer is known here before that one asks.
 */
export const createLineHolders = (log: Log): ((target: string) => string | undefined) => {
  const tokens = new Map<string, string>();
  log.onCommit(({ changed }) => {
    for (const { table, row } of changed)
      if (table === LINE_TABLE.name) tokens.set(row.id, (row as unknown as Line).token);
  });
  return (target) => tokens.get(target);
};
