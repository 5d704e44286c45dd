import { CrucibleError, type Issue } from '../kernel/errors.ts';
import { IDEMPOTENCY_TABLE } from './idempotency.ts';
import type { AppendRequest } from './log.ts';
import type { LogStore } from './store.ts';

/**
 * Faults of the program that asks, found before the request is queued: a table nobody declared, a row without an id.
 * @throws CrucibleError `internal` with an issue for each
 */
export const checkRequest = (request: AppendRequest, store: LogStore): void => {
  const issues: Issue[] = [];
  for (const [i, mutation] of (request.mutations ?? []).entries()) {
    if (store.definition(mutation.table) === undefined || mutation.table === IDEMPOTENCY_TABLE.name) {
      issues.push({
        path: `mutations.${i}.table`,
        message: `there is no table "${mutation.table}" to write to`,
        hint: 'Declare it by a TableDefinition and give it to the store.',
      });
    }
    const id: unknown = 'row' in mutation ? mutation.row.id : mutation.id;
    if (typeof id !== 'string' || id === '' || !id.isWellFormed()) {
      issues.push({ path: `mutations.${i}.id`, message: 'a row needs an id that is well-formed text' });
    }
    if (mutation.op === 'patch' && 'id' in mutation.set && mutation.set['id'] !== mutation.id) {
      issues.push({ path: `mutations.${i}.set.id`, message: 'a patch cannot give a row another id' });
    }
  }
  if (issues.length === 0) return;
  throw new CrucibleError(
    'internal',
    `The request cannot be written: ${issues[0]?.path} ${issues[0]?.message}`,
    { issues },
  );
};
