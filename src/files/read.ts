import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { isAbsent, isOurs, reasonOf } from './failures.ts';
import { openInside } from './open-inside.ts';
import { absoluteOf, lookAt, type OpenRoot } from './open-root.ts';

/** What became of reading a file. */
export type Read<T> =
  | { readonly kind: 'read'; readonly value: T }
  /** There is no plain file of that name within the root (any more). */
  | { readonly kind: 'gone' }
  /** Somebody was writing it. */
  | { readonly kind: 'unstable' }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** The largest file that is hashed, in bytes. */
const MAX_HASHED_BYTES = 256 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Opens a plain file of a root and hands it to `use`; says whether it stayed as it was meanwhile. */
const withFile = async <T>(
  root: OpenRoot,
  path: string,
  use: (handle: FileHandle, stat: BigIntStats) => Promise<T>,
): Promise<Read<T>> => {
  let handle: FileHandle | undefined;
  try {
    // Before the opening: to open a device may do something.
    if ((await lookAt(absoluteOf(root, path)))?.isFile() !== true) return { kind: 'gone' };
    handle = await openInside(root, path, 'file');
    const before = await handle?.stat({ bigint: true });
    if (handle === undefined || before?.isFile() !== true) return { kind: 'gone' };
    const value = await use(handle, before);
    const after = await handle.stat({ bigint: true });
    return stateOf(before) === stateOf(after) ? { kind: 'read', value } : { kind: 'unstable' };
  } catch (error) {
    if (isAbsent(error)) return { kind: 'gone' };
    if (isOurs(error) || (error instanceof Error && error.name === 'AbortError')) throw error;
    return { kind: 'unreadable', reason: reasonOf(error) };
  } finally {
    await handle?.close();
  }
};

/** What changes whenever somebody writes. */
export const stateOf = ({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  `${ino}:${size}:${mtimeNs}:${ctimeNs}`;

export interface Hashed {
  /** SHA-256, hex; null: too large. */
  readonly hash: string | null;
  readonly stat: BigIntStats;
}

/** The hash of a file's bytes, in bounded memory. @throws what the signal says */
export const hashFile = (root: OpenRoot, path: string, signal: AbortSignal): Promise<Read<Hashed>> =>
  withFile(root, path, async (handle, stat) => {
    if (stat.size > MAX_HASHED_BYTES) return { hash: null, stat };
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Number(stat.size) + 1));
    for (let total = 0; ;) {
      signal.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, total);
      total += bytesRead;
      hash.update(buffer.subarray(0, bytesRead));
      // One that grows without end is told from a stable one by its size afterwards.
      if (bytesRead === 0 || total > stat.size) return { hash: hash.digest('hex'), stat };
    }
  });

export interface Bytes {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

/** The bytes of a file and their hash. Undefined: there are more than `maxBytes`. */
export const readBytes = (root: OpenRoot, path: string, maxBytes: number): Promise<Read<Bytes | undefined>> =>
  withFile(root, path, async (handle, stat) => {
    if (stat.size > maxBytes) return undefined;
    const buffer = Buffer.allocUnsafe(Number(stat.size) + 1);
    let total = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, total, buffer.length - total, total);
      total += bytesRead;
      if (bytesRead === 0 || total === buffer.length) break;
    }
    const bytes = buffer.subarray(0, total);
    return { bytes, hash: createHash('sha256').update(bytes).digest('hex') };
  });
