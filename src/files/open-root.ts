import { realpathSync, type BigIntStats } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import nodePath from 'node:path';
import { isAbsent } from './failures.ts';

/** A watched directory that is there. */
export interface OpenRoot {
  /** Where it really is: no link is left in it. */
  readonly real: string;
  /** Which directory it is: another one at the same place has another identity. */
  readonly identity: string;
}

/** Undefined: there is no directory (now). @throws what the file system says, where that is something else */
export const openRoot = async (path: string): Promise<OpenRoot | undefined> => {
  try {
    // The root itself may be a link: whoever configured it meant where it leads.
    const real = await realpath(path);
    const stat = await lstat(real, { bigint: true });
    return stat.isDirectory() ? { real, identity: `${stat.dev}:${stat.ino}` } : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
};

/** A path without links; of a directory that is not there (yet), the path itself. */
export const realOf = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
};

/** Where a path of ours is on this machine. */
export const absoluteOf = (root: OpenRoot, path: string): string =>
  path === '' ? root.real : nodePath.join(root.real, ...path.split('/'));

/**
 * Whether the way to a path leads through directories only, no links, and so ends within the root. The last part is
 * not looked at if it does not exist.
 */
export const isStraight = async (absolute: string): Promise<boolean> => {
  try {
    return (await realpath(absolute)) === absolute;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
};

/** The node at the end of a path, the link itself if it is one. Undefined: there is nothing. */
export const lookAt = async (absolute: string): Promise<BigIntStats | undefined> => {
  try {
    return await lstat(absolute, { bigint: true });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
};
