import { realpath } from 'node:fs/promises';
import path from 'node:path';

/** Where a hook file lives: the hook directory that it must not leave, and its own folder within. Both absolute. */
export interface HookPlace {
  readonly root: string;
  readonly folder: string;
}

export type Inside =
  | {
      readonly kind: 'inside';
      /** What is to be opened: no symbolic link is left in it. */ readonly real: string;
      readonly written: string;
    }
  | { readonly kind: 'missing'; readonly written: string }
  | { readonly kind: 'outside'; readonly written: string | undefined };

/**
 * Where a name in a hook file leads, seen from the file's folder. Neither `..`, nor an absolute path, nor a symbolic
 * link may lead out of the hook directory.
 */
export const resolveInside = async ({ root, folder }: HookPlace, name: string): Promise<Inside> => {
  const parts = name.split(/[\\/]/);
  if (name.includes('\0') || parts.includes('..') || path.isAbsolute(name) || path.win32.isAbsolute(name))
    return { kind: 'outside', written: undefined };
  const written = path.resolve(folder, name);
  try {
    const [realRoot, real] = await Promise.all([realpath(root), realpath(written)]);
    const within = real === realRoot || real.startsWith(realRoot + path.sep);
    return within ? { kind: 'inside', real, written } : { kind: 'outside', written };
  } catch (error) {
    if (isMissing(error)) return { kind: 'missing', written };
    throw error;
  }
};

/** Whether nothing is there (also: a part of the path is a file, or links go round in circles). */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(String(error.code));
