import type { BigIntStats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isAbsent, isOurs, reasonOf } from './failures.ts';
import type { IsIgnored } from './ignore.ts';
import { descriptorPath, openInside } from './open-inside.ts';
import { absoluteOf, isStraight, lookAt, type OpenRoot } from './open-root.ts';
import { ancestorsOf, parentOf } from './place.ts';

/** What lies below some paths of a root. Links, devices, pipes and sockets count as nothing. */
export interface Walked {
  readonly files: ReadonlyMap<string, BigIntStats>;
  readonly directories: ReadonlySet<string>;
  /** Where it could not be looked: nothing is known of these paths and of what is below. */
  readonly unknown: ReadonlyMap<string, string>;
  /** Names that are not UTF-8, as far as they can be shown. They have no path, so they are passed over. */
  readonly unnamed: readonly string[];
}

/** How many nodes of a directory are looked at at once. */
const AT_ONCE = 64;

/**
 * Looks at these paths and everything below them. Nothing is opened but directories, no link is followed: neither at the
 * end of a path nor on the way.
 * @param scopes paths within the root; `''` is all of it
 * @throws what the signal says, and when this process lacks descriptors or memory
 */
export const walk = async (
  root: OpenRoot,
  scopes: readonly string[],
  { isIgnored, signal }: { readonly isIgnored: IsIgnored; readonly signal: AbortSignal },
): Promise<Walked> => {
  const files = new Map<string, BigIntStats>();
  const directories = new Set<string>();
  const unknown = new Map<string, string>();
  const unnamed: string[] = [];
  /** Those to be read still, so that a deep tree does not make a deep stack. */
  const toRead: string[] = [];

  const guarded = async (path: string, work: () => Promise<void>): Promise<void> => {
    signal.throwIfAborted();
    try {
      await work();
    } catch (error) {
      if (isAbsent(error)) return;
      if (isOurs(error)) throw error;
      unknown.set(path, reasonOf(error));
    }
  };

  const visit = (path: string): Promise<void> =>
    guarded(path, async () => {
      if (isIgnored(path)) return;
      const stat = await lookAt(absoluteOf(root, path));
      if (stat?.isFile() === true) files.set(path, stat);
      else if (stat?.isDirectory() === true) toRead.push(path);
    });

  const readDirectory = (path: string): Promise<void> =>
    guarded(path, async () => {
      const names = await namesIn(root, path);
      if (names === undefined) return;
      if (path !== '') directories.add(path);
      const paths = names.flatMap((bytes) => {
        const name = nameOf(bytes);
        if (name === undefined) unnamed.push(`${path}/${bytes.toString('latin1')}`);
        return name === undefined ? [] : [path === '' ? name : `${path}/${name}`];
      });
      for (let start = 0; start < paths.length; start += AT_ONCE)
        await Promise.all(paths.slice(start, start + AT_ONCE).map(visit));
    });

  for (const scope of scopes) {
    await guarded(scope, async () => {
      if (scope !== '' && !(await isStraight(absoluteOf(root, parentOf(scope))))) return;
      if (!ancestorsOf(scope).some(isIgnored)) {
        for (const above of ancestorsOf(scope)) directories.add(above);
        await visit(scope);
      }
    });
    for (let next = toRead.pop(); next !== undefined; next = toRead.pop()) await readDirectory(next);
  }
  return { files, directories, unknown, unnamed };
};

/** The names in a directory of the root; undefined: there is none (any more). */
const namesIn = async (root: OpenRoot, path: string): Promise<readonly Buffer[] | undefined> => {
  const handle = await openInside(root, path, 'directory');
  if (handle === undefined) return undefined;
  try {
    // By the descriptor, where that is possible: the path may lead elsewhere by now.
    return await readdir(descriptorPath(handle) ?? absoluteOf(root, path), { encoding: 'buffer' });
  } finally {
    await handle.close();
  }
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const nameOf = (bytes: Buffer): string | undefined => {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
};
