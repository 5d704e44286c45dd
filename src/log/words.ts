/**
 * What counts as a word in full-text search, of documents and of queries alike, whatever store keeps them.
 *
 * A word is a run of letters and digits (UAX #44 classes L, N and M); everything else parts words, so of `node.js` and
 * `snake_case` each part is a word, and `getUserName` is one. Case and accents do not count (`Müller` is `muller`,
 * `ß` is `ss`), nor does an English plural. Writing without blanks between words (Chinese, Japanese, Thai, …) is found
 * by its characters and pairs of them.
 */

/** A longer run counts by its beginning: nobody looks for the end of a base64 blob. */
const MAX_WORD_CHARACTERS = 64;

const RUN = /[\p{L}\p{N}\p{M}]+/gu;
const ACCENT = /[\u0300-\u036f]/g;
const UNSPACED = /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}]/u;
const PARTS = new RegExp(`${UNSPACED.source}+|(?:(?!${UNSPACED.source})[^])+`, 'gu');
const ASCII = /^[a-z]+$/;

/** The words of a document, in their order, each as often as it stands there. */
export const documentWords = (text: string): string[] =>
  runs(text).flatMap((run) => (UNSPACED.test(run) ? characters(run).concat(pairs(run)) : [wordOf(run)]));

/** The words that a document must have to be found by this text, each once. */
export const queryWords = (text: string): string[] => [
  ...new Set(
    runs(text).flatMap((run) => {
      if (!UNSPACED.test(run)) return [wordOf(run)];
      const found = pairs(run);
      return found.length === 0 ? characters(run) : found;
    }),
  ),
];

const runs = (text: string): string[] =>
  (folded(text).match(RUN) ?? []).flatMap((run) => (UNSPACED.test(run) ? (run.match(PARTS) ?? []) : [run]));

const folded = (text: string): string =>
  text
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(ACCENT, '')
    .normalize('NFC')
    // Once more: what NFKD takes apart may have capitals (℡).
    .toLowerCase()
    .replaceAll('ß', 'ss');

const wordOf = (run: string): string => singular(Array.from(run).slice(0, MAX_WORD_CHARACTERS).join(''));

/** After Harman's S-stemmer (1991): plurals only, so that names and words of other languages stay apart. */
const singular = (word: string): string => {
  if (word.length < 4 || !word.endsWith('s') || !ASCII.test(word)) return word;
  if (/[^ae]ies$/.test(word)) return `${word.slice(0, -3)}y`;
  return /[us]s$/.test(word) ? word : word.slice(0, -1);
};

const characters = (run: string): string[] => Array.from(run);

const pairs = (run: string): string[] => {
  const found = characters(run);
  return found.slice(1).map((character, i) => `${found[i]}${character}`);
};
