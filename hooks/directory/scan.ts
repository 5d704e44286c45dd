import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Issue } from '../../src/kernel/errors.ts';
import { MAX_FILE_LENGTH } from '../../src/kernel/front-matter/front-matter.ts';
import { isMissing, resolveInside } from '../file/inside.ts';
import { decode, reason } from '../file/script-file.ts';

/** Whether a path within a hook directory is a hook file: Markdown, and no part of it hidden. */
export const isHookFile = (relative: string): boolean => relative.endsWith('.md') && !isPassedOver(relative);

/** Hidden files and folders, what editors leave behind, and installed packages are none of our business. */
export const isPassedOver = (relative: string): boolean =>
  relative
    .split(path.sep)
    .some((part) => (part.startsWith('.') && part !== '.') || part === 'node_modules' || part.endsWith('~'));

/** The hook files of a directory, relative to it, sorted. @throws what the file system says where it cannot be read */
export const listHookFiles = async (root: string): Promise<readonly string[]> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter(isHookFile)
    .toSorted();
};

export type HookText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unreadable'; readonly issue: Issue }
  /** There is no such file (any more). */
  | { readonly kind: 'gone' };

export const readHookText = async (root: string, file: string): Promise<HookText> => {
  const unreadable = (message: string, hint: string): HookText => ({
    kind: 'unreadable',
    issue: { path: '', message, hint },
  });
  try {
    const found = await resolveInside({ root, folder: root }, file);
    if (found.kind === 'missing') return { kind: 'gone' };
    if (found.kind === 'outside')
      return unreadable(
        'the file is a link that leads out of the hook directory',
        'copy the file into the hook directory',
      );
    const status = await stat(found.real);
    // To open a pipe waits for whoever writes into it.
    if (!status.isFile()) return unreadable('this is not a file', 'a hook is a plain file');
    const { size } = status;
    if (size > MAX_FILE_LENGTH * 4)
      return unreadable('the file is too large for a hook', 'a hook file has at most 512 KiB');
    return { kind: 'text', text: decode(await readFile(found.real)) };
  } catch (error) {
    if (isMissing(error)) return { kind: 'gone' };
    return unreadable(`the file cannot be read: ${reason(error)}`, 'it must be a readable UTF-8 text');
  }
};
