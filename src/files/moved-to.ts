import type { Records } from '../log/records.ts';
import { look, type Look, type LookDeps } from './look.ts';
import type { OpenRoot } from './open-root.ts';
import { FILE_TABLE, fileRowId, type FileRow, type RootPlace } from './row.ts';
import { walk } from './walk.ts';

/** Rows that are read at a time. */
const PAGE = 1_000;

/**
 * Where files that are gone may be by now: paths of the root that nobody knows, with the bytes of one of them.
 *
 * A look does not see all places at one moment. A file that is moved meanwhile may be gone where it looks late and not
 * yet be where it has looked, and a watch tells of the two ends of a move one after the other. A move is one step on the
 * disk, though: what was seen to be gone is at its new place already, when it is looked for after that.
 */
export const movedTo = async (
  root: OpenRoot,
  gone: readonly FileRow[],
  seen: Look,
  deps: LookDeps & { readonly records: Pick<Records, 'getMany'>; readonly place: RootPlace },
): Promise<readonly string[]> => {
  const lost = gone.filter(({ hash }) => hash !== null);
  if (lost.length === 0) return [];
  const sizes = new Set(lost.map(({ size }) => size));
  const before = new Set(seen.files.map(({ path }) => path));
  const walked = await walk(root, [''], deps);
  const alike = [...walked.files].flatMap(([path, stat]) =>
    !before.has(path) && sizes.has(Number(stat.size)) ? [path] : [],
  );
  const candidates: string[] = [];
  for (let start = 0; start < alike.length; start += PAGE) {
    const paths = alike.slice(start, start + PAGE);
    const rows = await deps.records.getMany(
      FILE_TABLE.name,
      paths.map((path) => fileRowId(deps.place, path)),
    );
    const known = new Set(rows.map(({ id }) => id));
    candidates.push(...paths.filter((path) => !known.has(fileRowId(deps.place, path))));
  }
  if (candidates.length === 0) return [];
  const hashes = new Set(lost.map(({ hash }) => hash));
  const found = await look(root, candidates, new Map(), deps);
  return found.files.filter(({ hash }) => hashes.has(hash)).map(({ path }) => path);
};
