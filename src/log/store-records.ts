import { CrucibleError } from '../kernel/errors.ts';
import type { Records } from './records.ts';
import { rank } from './text-rank.ts';
import { queryWords } from './words.ts';
import { MAX_LIMIT } from './query.ts';
import type { ReadStore } from './store.ts';

/** The reading side of state, with the bounds that every read has. */
export const createRecords = (store: ReadStore): Records => ({
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
  async search({ table, text, within, limit }) {
    checkLimit(limit, MAX_TEXT_LIMIT);
    const words = queryWords(text);
    checkWords(words.length);
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
