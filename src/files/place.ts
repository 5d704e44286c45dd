import { CrucibleError } from '../kernel/errors.ts';

/** The ending of a Markdown file, in any case. */
const DOCUMENT = /\.(?:md|markdown)$/i;

/** Whether the file becomes a memory. */
export const isDocument = (path: string): boolean => DOCUMENT.test(path);

/** The last part of a path. */
const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** The path without its last part; empty for what lies in the root itself. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** The directories on the way to a path, outermost first, without the root. */
export const ancestorsOf = (path: string): readonly string[] => {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
};

/** What a note is called by those who link to it. */
export const documentName = (path: string): string => baseName(path).replace(DOCUMENT, '');

/** Whether `path` is `scope` or lies below it. The empty scope is the root. */
export const isWithin = (path: string, scope: string): boolean =>
  scope === '' || path === scope || path.startsWith(`${scope}/`);

/** Without those that lie within another one, sorted. */
export const outermost = (scopes: Iterable<string>): readonly string[] => {
  const kept = new Set<string>();
  // A directory sorts before everything that lies in it.
  for (const scope of [...new Set(scopes)].sort()) {
    if (!kept.has('') && !ancestorsOf(scope).some((above) => kept.has(above))) kept.add(scope);
  }
  return [...kept];
};

/**
 * A path within a root, as a client gives it, in the spelling of rows: no empty parts, no `.`, no slash at the ends.
 * @throws CrucibleError `invalid` for what leads out of the root, or is no path
 */
export const readPath = (given: string): string => {
  const problem = given.includes('\0')
    ? 'holds a NUL'
    : !given.isWellFormed()
      ? 'is not well-formed text'
      : given.startsWith('/') || /^[a-zA-Z]:/.test(given)
        ? 'is not relative to the watched directory'
        : given.includes('\\')
          ? 'holds a backslash; its parts are separated by `/`'
          : given.split('/').includes('..')
            ? 'leads out of the watched directory'
            : undefined;
  if (problem !== undefined) {
    throw new CrucibleError('invalid', `The path ${problem}`, {
      issues: [{ path: 'path', message: problem, hint: 'give a path such as notes/2026' }],
    });
  }
  return given
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
};
