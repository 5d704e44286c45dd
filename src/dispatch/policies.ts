import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Records } from '../log/records.ts';
import type { AttemptPolicy, Executor } from './outcome.ts';
import { DEFINITION_TABLE, type Run, type RunKind } from './run.ts';

export type Executors = Readonly<Partial<Record<RunKind, Executor>>>;

/** The definitions that runs matched, and what follows from them. */
export interface Policies {
  /** @throws CrucibleError `not_found` */
  definition(run: Pick<Run, 'definition'>): Promise<JsonObject>;
  /** @throws CrucibleError `internal`: nothing here executes runs of this kind */
  executor(run: Pick<Run, 'kind'>): Executor;
  /** @throws CrucibleError `not_found`, `internal` */
  of(run: Pick<Run, 'definition' | 'kind'>): Promise<AttemptPolicy>;
}

const CACHED = 2_000;

/** Definitions never change under their hash, so they are read once and kept. */
export const createPolicies = (records: Records, executors: Executors): Policies => {
  const cache = new Map<string, JsonObject>();

  const definition: Policies['definition'] = async (run) => {
    const known = cache.get(run.definition);
    if (known !== undefined) return known;
    const row = await records.get(DEFINITION_TABLE.name, run.definition);
    const found = row?.['definition'];
    if (found === undefined || found === null || typeof found !== 'object' || Array.isArray(found)) {
      throw new CrucibleError('not_found', `there is no stored definition ${run.definition}`);
    }
    if (cache.size >= CACHED) cache.clear();
    cache.set(run.definition, found as JsonObject);
    return found as JsonObject;
  };

  const executor: Policies['executor'] = (run) => {
    const found = executors[run.kind];
    if (found === undefined)
      throw new CrucibleError('internal', `nothing here executes runs of kind ${run.kind}`);
    return found;
  };

  const policyOf: Policies['of'] = async (run) => {
    const stored = await definition(run);
    const executing = executor(run);
    try {
      return executing.policy(stored);
    } catch (cause) {
      throw new CrucibleError(
        'internal',
        `the stored definition ${run.definition} cannot be read: ${messageOf(cause)}`,
        { cause },
      );
    }
  };

  return { definition, executor, of: policyOf };
};
