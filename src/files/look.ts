import type { BigIntStats } from 'node:fs';
import type { Clock } from '../kernel/clock.ts';
import type { IsIgnored } from './ignore.ts';
import { absoluteOf, lookAt, type OpenRoot } from './open-root.ts';
import { isWithin } from './place.ts';
import type { Found, FoundFile } from './plan.ts';
import { hashFile, stateOf } from './read.ts';
import type { FileError, FileRow } from './row.ts';
import { walk } from './walk.ts';

export interface LookDeps {
  readonly isIgnored: IsIgnored;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long a file must not have changed before it counts as written, ms. */
  readonly settleMs: number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What is on the disk below some paths. */
export interface Look extends Found {
  /** Somebody was writing these: they are to be looked at again. */
  readonly unstable: readonly string[];
  /** Whether nothing can be said of this path: it could not be looked at, or somebody is writing it. */
  readonly isUnknown: (path: string) => boolean;
  /** What could not be looked at, and why. */
  readonly unknown: ReadonlyMap<string, string>;
  readonly unnamed: readonly string[];
}

/** A file changed within this time of being hashed may change again without its times telling: hash it again next time. */
const RACY_MS = 2_000;

/**
 * Looks at what is below `scopes`, and hashes what is not as it was.
 * @param known the files that were there, by path
 */
export const look = async (
  root: OpenRoot,
  scopes: readonly string[],
  known: ReadonlyMap<string, FileRow>,
  deps: LookDeps,
): Promise<Look> => {
  const { clock, signal } = deps;
  const walked = await walk(root, scopes, deps);
  const unstable = new Set<string>();
  const files: FoundFile[] = [];
  const changed: [string, BigIntStats][] = [];
  for (const [path, stat] of walked.files) {
    const before = known.get(path);
    if (before !== undefined && before.stamp === stateOf(stat)) files.push(asBefore(before));
    else changed.push([path, stat]);
  }
  await letSettle(root, changed, unstable, deps);

  for (const [path] of changed) {
    signal.throwIfAborted();
    if (unstable.has(path)) continue;
    const read = await hashFile(root, path, signal);
    if (read.kind === 'read') {
      const { hash, stat } = read.value;
      const isRacy = clock.now() - Number(stat.ctimeMs) < RACY_MS;
      files.push({ ...factsOf(path, stat), hash, stamp: isRacy ? null : stateOf(stat), error: null });
    } else if (read.kind === 'unstable') unstable.add(path);
    else if (read.kind === 'unreadable') {
      const stat = walked.files.get(path);
      const error: FileError = { code: 'unreadable', message: `the file cannot be read: ${read.reason}` };
      if (stat !== undefined) files.push({ ...factsOf(path, stat), hash: null, stamp: stateOf(stat), error });
    }
  }
  const unknownPaths = [...walked.unknown.keys()];
  return {
    files,
    directories: [...walked.directories],
    unstable: [...unstable],
    isUnknown: (path) => unstable.has(path) || unknownPaths.some((scope) => isWithin(path, scope)),
    unknown: walked.unknown,
    unnamed: walked.unnamed,
  };
};

const factsOf = (path: string, stat: BigIntStats) => ({
  path,
  size: Number(stat.size),
  mtime_ms: Number(stat.mtimeMs),
});

const asBefore = ({ path, size, mtime_ms: mtimeMs, hash, stamp, error }: FileRow): FoundFile => ({
  path,
  size,
  mtime_ms: mtimeMs,
  hash,
  stamp,
  error: error?.code === 'unreadable' ? error : null,
});

/** Waits until the youngest has had its time, and leaves out what changed meanwhile. */
const letSettle = async (
  root: OpenRoot,
  changed: readonly (readonly [string, BigIntStats])[],
  unstable: Set<string>,
  { clock, settleMs, signal, sleep }: LookDeps,
): Promise<void> => {
  const now = clock.now();
  // A clock that is not ours may be ahead: nobody waits longer than once.
  const waitOf = ({ ctimeMs }: BigIntStats): number =>
    Math.min(settleMs, Math.max(0, Number(ctimeMs) + settleMs - now));
  const young = changed.filter(([, stat]) => waitOf(stat) > 0);
  if (young.length === 0) return;
  await sleep(Math.max(...young.map(([, stat]) => waitOf(stat))), signal);
  for (const [path, stat] of young) {
    const after = await lookAt(absoluteOf(root, path));
    if (after === undefined || stateOf(after) !== stateOf(stat)) unstable.add(path);
  }
};
