import { CrucibleError } from '../kernel/errors.ts';
import type { Records } from './records.ts';
import { MAX_LIMIT } from './query.ts';
import type { LogStore } from './store.ts';

/** The reading side of state, with the bounds that every read has. */
export const createRecords = (store: LogStore): Records => ({
  async get(table, id) {
    return (await store.getRows(table, [id]))[0];
  },
  async getMany(table, ids) {
    return ids.length === 0 ? [] : store.getRows(table, ids);
  },
  async list(table, page) {
    checkLimit(page.limit);
    return store.listRows(table, page);
  },
  async byIndex(read) {
    checkLimit(read.limit);
    return store.readIndex(read);
  },
});

const checkLimit = (limit: number): void => {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return;
  const message = `must be a whole number from 1 to ${MAX_LIMIT}, is ${limit}`;
  throw new CrucibleError('invalid', `The limit ${message}`, { issues: [{ path: 'limit', message }] });
};
