import type { TextMatch } from './records.ts';
import { compareText } from './scalar-order.ts';

/** A row that a search may find: the words of its text (`words.ts`), joined by single blanks. */
export interface StoredText {
  readonly id: string;
  readonly words: string;
}

/** The usual constants of BM25: how soon repeating a word stops to count, and how much long texts lose. */
const K1 = 1.2;
const B = 0.75;

/**
 * The documents that have every word, best first (BM25, Robertson and Zaragoza 2009), equal ones by id.
 *
 * How rare a word is, is taken from the documents that were found, not from the whole table: all of them have all the
 * words, so it only weighs the words against each other, and the share that a word has of their text does that as well.
 * What is ranked needs no statistics that a store would have to keep (SurrealDB's own give 0 to each word that half of
 * the rows have).
 */
export const rank = (
  candidates: readonly StoredText[],
  words: readonly string[],
  limit: number,
): readonly TextMatch[] => {
  const found = candidates.flatMap((candidate) => countsOf(candidate, words) ?? []);
  const total = found.reduce((sum, { length }) => sum + length, 0);
  const average = total / found.length;
  const weights = words.map((_, i) =>
    Math.log(1 + total / found.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0)),
  );
  return found
    .map(({ id, length, counts }): TextMatch => {
      const norm = K1 * (1 - B + (B * length) / average);
      const score = counts.reduce(
        (sum, count, i) => sum + ((weights[i] ?? 0) * count * (K1 + 1)) / (count + norm),
        0,
      );
      return { id, score };
    })
    .toSorted((a, b) => b.score - a.score || compareText(a.id, b.id))
    .slice(0, limit);
};

interface Counted {
  readonly id: string;
  /** In characters: to weigh texts against each other that does as well as words, and need not be counted. */
  readonly length: number;
  /** How often each of the words asked for stands in it. */
  readonly counts: readonly number[];
}

/** Undefined unless it has all the words. */
const countsOf = ({ id, words: text }: StoredText, words: readonly string[]): Counted | undefined => {
  const padded = ` ${text} `;
  const counts: number[] = [];
  for (const word of words) {
    const count = occurrences(padded, ` ${word} `);
    if (count === 0) return undefined;
    counts.push(count);
  }
  return { id, length: text.length, counts };
};

/** Neighbours share the blank between them. */
const occurrences = (text: string, part: string): number => {
  let count = 0;
  const step = Math.max(1, part.length - 1);
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + step)) count += 1;
  return count;
};
