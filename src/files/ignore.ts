/** Whether a path within a root is passed over. Never true for the root itself, which is the empty path. */
export type IsIgnored = (path: string) => boolean;

/**
 * Patterns of names: `*` stands for any characters, `?` for one. A path is ignored as soon as one of its parts is, so an
 * ignored directory hides everything in it.
 */
export const createIgnore = (patterns: readonly string[]): IsIgnored => {
  const names = patterns.filter((pattern) => pattern !== '').map(asRegExp);
  return (path) =>
    path !== '' && path.split('/').some((part) => names.some((name) => part !== '' && name.test(part)));
};

/** Stars in a row are one, so that no pattern makes matching slow by their number alone. */
const asRegExp = (pattern: string): RegExp => {
  const source = pattern
    .replaceAll(/\*+/g, '*')
    .replaceAll(/[.+^${}()|[\]\\/]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su');
};
