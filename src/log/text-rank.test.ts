import { describe, expect, it } from 'vitest';
import { rank } from './text-rank.ts';

const ids = (texts: { readonly [id: string]: string }, words: readonly string[], limit = 10): string[] =>
  rank(
    Object.entries(texts).map(([id, text]) => ({ id, words: text })),
    words,
    limit,
  ).map(({ id }) => id);

describe('the ranking of full text', () => {
  it('puts more of a word first, then shorter texts, then ids', () => {
    const texts = {
      long: 'graph and many other words that have nothing to do with it',
      b: 'graph note',
      a: 'graph note',
      twice: 'graph of graph',
    };
    expect(ids(texts, ['graph'])).toEqual(['twice', 'a', 'b', 'long']);
    expect(ids(texts, ['graph'], 2)).toEqual(['twice', 'a']);
  });

  it('leaves out what has not every word, as a whole word', () => {
    const texts = { both: 'red apple', one: 'red red', part: 'red apples', neighbours: 'apple apple red' };
    expect(ids(texts, ['red', 'apple']).toSorted()).toEqual(['both', 'neighbours']);
    expect(ids(texts, ['apples'])).toEqual(['part']);
  });

  it('gives a rare word more weight than one that is everywhere', () => {
    const filler = 'the the the the';
    const texts = {
      common: `${filler} the the the attention`,
      rare: `${filler} attention attention the the`,
    };
    expect(ids(texts, ['the', 'attention'])).toEqual(['rare', 'common']);
  });

  it('has a score above 0 for everything that it finds', () => {
    const [only] = rank([{ id: 'a', words: 'word' }], ['word'], 1);
    expect(only?.score).toBeGreaterThan(0);
    expect(rank([], ['word'], 5)).toEqual([]);
  });
});
