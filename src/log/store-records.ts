import { AsyncLocalStorage } from 'node:async_hooks';
import { CrucibleError } from '../kernel/errors.ts';
import { createReadsOver, type LogRecords } from './decision.ts';
import { indexIn } from './indexed-rows.ts';
import type { Records } from './records.ts';
import { rank } from './text-rank.ts';
import { queryWords } from './words.ts';
import { MAX_LIMIT } from './query.ts';
import type { ReadStore } from './store.ts';

/**
 * The reading side of state, with the bounds that every read has.
 *
 * Guarantee: who decides (`decision`) reads over the requests under way whatever records of this log it was given, because
 * there is no other way to the rows than this; and nobody else reads over them.
 */
export const createRecords = (store: ReadStore): LogRecords => {
  const stored = readsOf(store);
  const indexOf = indexIn((name) => store.definition(name));
  const scope = new AsyncLocalStorage<{ readonly records: Records; ended: boolean }>();
  const here = (): Records => {
    const inside = scope.getStore();
    return inside === undefined || inside.ended ? stored : inside.records;
  };

  return {
    get: async (table, id) => here().get(table, id),
    getMany: async (table, ids) => (ids.length === 0 ? [] : here().getMany(table, ids)),
    async list(table, page) {
      checkLimit(page.limit);
      return here().list(table, page);
    },
    async byIndex(read) {
      checkLimit(read.limit);
      return here().byIndex(read);
    },
    async search(search) {
      checkLimit(search.limit, MAX_TEXT_LIMIT);
      checkWords(queryWords(search.text).length);
      return here().search(search);
    },
    decision(underWay) {
      const { records, ...decision } = createReadsOver(stored, underWay, indexOf);
      return {
        ...decision,
        async run(work) {
          const inside = { records, ended: false };
          try {
            return await scope.run(inside, work);
          } finally {
            inside.ended = true;
          }
        },
      };
    },
  };
};

const readsOf = (store: ReadStore): Records => ({
  get: async (table, id) => (await store.getRows(table, [id]))[0],
  getMany: (table, ids) => store.getRows(table, ids),
  list: (table, page) => store.listRows(table, page),
  byIndex: (read) => store.readIndex(read),
  async search({ table, text, within, limit }) {
    const words = queryWords(text);
    return rank(await store.findText({ table, words, within }), words, limit);
  },
});

const MAX_TEXT_LIMIT = 10_000;
const MAX_WORDS = 64;

const checkWords = (count: number): void => {
  if (count >= 1 && count <= MAX_WORDS) return;
  const message =
    count === 0
      ? 'has no word to look for: a word has letters or digits'
      : `has ${count} different words, at most ${MAX_WORDS} can be looked for`;
  throw new CrucibleError('invalid', `The text ${message}`, { issues: [{ path: 'text', message }] });
};

const checkLimit = (limit: number, most = MAX_LIMIT): void => {
  if (Number.isInteger(limit) && limit >= 1 && limit <= most) return;
  const message = `must be a whole number from 1 to ${most}, is ${limit}`;
  throw new CrucibleError('invalid', `The limit ${message}`, { issues: [{ path: 'limit', message }] });
};
