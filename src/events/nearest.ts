/**
 * The known word that is most like what was written, for "did you mean". Undefined where none is like it: a far-fetched
 * guess is worse than none. Edits counted as Levenshtein does; a third of the word may be wrong.
 */
const nearest = (written: string, known: Iterable<string>): string | undefined => {
  if (written.length > 100) return undefined;
  const word = written.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
};

const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};

/** "did you mean `x`?", or nothing to say. */
export const didYouMean = (
  written: string,
  known: Iterable<string>,
): { readonly hint: string } | undefined => {
  const candidate = nearest(written, known);
  return candidate === undefined ? undefined : { hint: `did you mean \`${candidate}\`?` };
};
