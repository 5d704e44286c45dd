import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/**
 * Makes a directory and those above it. Node's own `recursive` never ends where the system says ENOENT of a directory
 * whose parent is there, as /proc does.
 */
export const makePath = (path: string, options: { readonly mode?: number } = {}): void => {
  if (isDirectory(path)) return;
  if (path !== dirname(path)) makePath(dirname(path), options);
  try {
    mkdirSync(path, options);
  } catch (error) {
    // Somebody else may have been faster.
    if (!isDirectory(path)) throw error;
  }
};
