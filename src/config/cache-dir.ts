import { join } from 'node:path';

/**
 * Where what can be fetched again is kept, for all data directories of this user (XDG Base Directory Specification 0.8:
 * a relative `XDG_CACHE_HOME` is ignored).
 */
export const cacheDir = (env: Readonly<Record<string, string | undefined>>, home: string): string => {
  const given = env['XDG_CACHE_HOME'];
  return join(given?.startsWith('/') ? given : join(home, '.cache'), 'crucible');
};
