import { messageOf } from '../kernel/errors.ts';

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/**
 * Whether nothing is there: no such name, a part of the path is a file, or a symbolic link (which is not followed, and
 * so leads nowhere). `ENXIO`: a pipe or socket that nobody serves.
 */
export const isAbsent = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO'].includes(codeOf(error));

/** Whether it is this process that lacks something, so that it tells nothing of the file. */
export const isOurs = (error: unknown): boolean => ['EMFILE', 'ENFILE', 'ENOMEM'].includes(codeOf(error));

/** Why something could not be read, without its path on this machine. */
export const reasonOf = (error: unknown): string => codeOf(error) || messageOf(error);
