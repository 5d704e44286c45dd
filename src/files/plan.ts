/**
 * From what is known and what is on the disk to what has happened. Pure.
 *
 *   on the disk   known     it is
 *   file          -         created, or renamed from one that is gone and had the same bytes
 *   file          file      modified (other bytes), else unreadable or readable again, else only its stamp is new
 *   -             file      deleted, unless renamed
 *   directory     -         directory_created
 *   -             directory directory_deleted
 *
 * A file where a directory was, or the other way round, is both. A path that is there before and after is never renamed:
 * whoever writes over a file has changed it.
 *
 * The order: directories come, outermost first; then files, by path; then files go; then directories, innermost first.
 */
import { pairRenames } from './pair.ts';
import type { DirectoryRow, FileError, FileRow } from './row.ts';

export interface FoundFile {
  readonly path: string;
  readonly size: number;
  readonly mtime_ms: number;
  readonly stamp: string | null;
  /** Null: it could not be read, or is too large to be hashed. */
  readonly hash: string | null;
  /** Why it could not be read. */
  readonly error: FileError | null;
}

export type FileAction =
  | { readonly kind: 'directory_created'; readonly path: string }
  | { readonly kind: 'directory_deleted'; readonly known: DirectoryRow }
  | { readonly kind: 'created'; readonly found: FoundFile }
  | {
      /** `unreadable`: it became so. `readable`: it is again, with the same bytes. `restamped`: no event. */
      readonly kind: 'modified' | 'renamed' | 'unreadable' | 'readable' | 'restamped';
      readonly known: FileRow;
      readonly found: FoundFile;
    }
  | { readonly kind: 'deleted'; readonly known: FileRow };

export interface Known {
  readonly files: readonly FileRow[];
  readonly directories: readonly DirectoryRow[];
}

export interface Found {
  readonly files: readonly FoundFile[];
  readonly directories: readonly string[];
}

export interface FilePlan {
  readonly actions: readonly FileAction[];
  /** How many known files are as they were. */
  readonly unchanged: number;
}

/** Whose bytes are other ones; where they are not known, size and time must do. */
const isModified = (known: FileRow, found: FoundFile): boolean =>
  known.hash !== null && found.hash !== null
    ? known.hash !== found.hash
    : known.hash !== found.hash || known.size !== found.size || known.mtime_ms !== found.mtime_ms;

const compare = (known: FileRow, found: FoundFile): FileAction | undefined => {
  const wasUnreadable = known.error?.code === 'unreadable';
  const restamped = found.stamp !== null && found.stamp !== known.stamp;
  const kind =
    found.error !== null
      ? wasUnreadable
        ? undefined
        : 'unreadable'
      : isModified(known, found)
        ? 'modified'
        : wasUnreadable
          ? 'readable'
          : undefined;
  if (kind !== undefined) return { kind, known, found };
  return restamped ? { kind: 'restamped', known, found } : undefined;
};

const byPath = (a: string, b: string): number => (a < b ? -1 : 1);

/** @param known everything that is known where `found` was looked for, and nothing else: what is not found is gone */
export const planFiles = (known: Known, found: Found): FilePlan => {
  const knownFiles = new Map(known.files.map((row) => [row.path, row]));
  const foundPaths = new Set(found.files.map(({ path }) => path));
  const knownDirectories = new Set(known.directories.map(({ path }) => path));
  const foundDirectories = new Set(found.directories);

  const come = found.files.filter(({ path }) => !knownFiles.has(path));
  const gone = known.files.filter(({ path }) => !foundPaths.has(path));
  const renames = pairRenames(gone, come);
  const renamedTo = new Map(renames.map(([from, to]) => [to.path, from]));
  const renamedFrom = new Set(renames.map(([{ path }]) => path));

  const stays = found.files.flatMap((file): readonly FileAction[] => {
    const before = knownFiles.get(file.path);
    if (before !== undefined) {
      const action = compare(before, file);
      return action === undefined ? [] : [action];
    }
    const source = renamedTo.get(file.path);
    if (source !== undefined) return [{ kind: 'renamed', known: source, found: file }];
    return [{ kind: 'created', found: file }];
  });
  const changed = stays.filter(
    ({ kind }) => kind === 'modified' || kind === 'unreadable' || kind === 'readable',
  );

  return {
    actions: [
      ...found.directories
        .filter((path) => !knownDirectories.has(path))
        .toSorted(byPath)
        .map((path): FileAction => ({ kind: 'directory_created', path })),
      ...stays.toSorted((a, b) => byPath(pathOf(a), pathOf(b))),
      ...gone
        .filter(({ path }) => !renamedFrom.has(path))
        .toSorted((a, b) => byPath(a.path, b.path))
        .map((row): FileAction => ({ kind: 'deleted', known: row })),
      ...known.directories
        .filter(({ path }) => !foundDirectories.has(path))
        .toSorted((a, b) => byPath(b.path, a.path))
        .map((row): FileAction => ({ kind: 'directory_deleted', known: row })),
    ],
    unchanged: known.files.length - gone.length - changed.length,
  };
};

/** Where the thing is, or was if it is gone. */
export const pathOf = (action: FileAction): string => {
  if ('found' in action) return action.found.path;
  return 'known' in action ? action.known.path : action.path;
};
