/**
 * Whether a page of this origin may call, by the setting `cors_origins`: deny by default, `*` is any. `null` (a file, a
 * sandboxed frame) is never one.
 */
export const isAllowedOrigin = (origin: string, allowed: readonly string[]): boolean =>
  origin !== 'null' && (allowed.includes('*') || allowed.includes(origin));
