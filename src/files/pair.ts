import { createHash } from 'node:crypto';

/** What was there, or is there: a path and the hash of its bytes. */
interface Content {
  readonly path: string;
  readonly hash: string | null;
}

/** Of no bytes: what every empty file has, so it tells nothing of which is which. */
const EMPTY = createHash('sha256').digest('hex');

const tail = (path: string, parts: number): string => path.split('/').slice(-parts).join('/');

const inOrder = <T extends Content>(items: readonly T[]): readonly T[] =>
  items.toSorted((a, b) => (a.path < b.path ? -1 : 1));

/**
 * Which of the files that came are those that went, under another name: the same bytes, each file in one pair at most.
 *
 * Where several have the same bytes, those whose paths share the most last parts belong together (a directory that was
 * moved), the rest in the order of their paths; so the answer follows from the names alone. Empty files and such whose
 * bytes are not known are never taken for each other, save for empty ones that keep their name.
 */
export const pairRenames = <Gone extends Content, Come extends Content>(
  gone: readonly Gone[],
  come: readonly Come[],
): readonly (readonly [Gone, Come])[] => {
  const byHash = <T extends Content>(items: readonly T[]): ReadonlyMap<string, readonly T[]> =>
    Map.groupBy(
      items.filter(({ hash }) => hash !== null),
      ({ hash }) => hash ?? '',
    );
  const came = byHash(come);
  return [...byHash(gone)].flatMap(([hash, from]) =>
    pairTwins(inOrder(from), inOrder(came.get(hash) ?? []), hash === EMPTY),
  );
};

const pairTwins = <Gone extends Content, Come extends Content>(
  gone: readonly Gone[],
  come: readonly Come[],
  onlyByName: boolean,
): readonly (readonly [Gone, Come])[] => {
  const pairs: (readonly [Gone, Come])[] = [];
  let left = gone;
  let free = come;
  const depth = Math.max(0, ...gone.map(({ path }) => path.split('/').length));
  // From the longest common end to none, which is the whole rest.
  for (let parts = depth; parts >= (onlyByName ? 1 : 0) && left.length > 0 && free.length > 0; parts -= 1) {
    const key = ({ path }: Content): string => (parts === 0 ? '' : tail(path, parts));
    const open = Map.groupBy(free, key);
    const taken = new Set<Content>();
    for (const [end, from] of Map.groupBy(left, key)) {
      for (const [i, to] of (open.get(end) ?? []).slice(0, from.length).entries()) {
        const source = from[i];
        if (source === undefined) break;
        pairs.push([source, to]);
        taken.add(source).add(to);
      }
    }
    left = left.filter((item) => !taken.has(item));
    free = free.filter((item) => !taken.has(item));
  }
  return pairs;
};
