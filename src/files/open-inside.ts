import { constants } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { isAbsent } from './failures.ts';
import { absoluteOf, isStraight, lookAt, type OpenRoot } from './open-root.ts';

/**
 * A link at the end is refused by the system; a pipe does not make us wait for its writer; a terminal does not become
 * ours. What the platform has no flag for is found by the look after the opening.
 */
const FLAGS =
  constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** How often the way is resolved again where the system does not tell what is open. */
const LOOKS = 3;

/**
 * Opens what is at a path of a root. Undefined: there is nothing (any more), or a link is on the way.
 *
 * Guarantee: what is open lies within the root, whoever exchanges parts of the path for links meanwhile. A path that is
 * resolved before or after the opening may have been another one in that moment, so on Linux the kernel is asked where
 * the open file is. Other systems do not tell Node: there the path is resolved again several times, each time it must
 * lead to the very file that is open.
 * @throws what the file system says, where that is not absence
 */
export const openInside = async (
  root: OpenRoot,
  path: string,
  kind: 'file' | 'directory',
): Promise<FileHandle | undefined> => {
  const absolute = absoluteOf(root, path);
  let handle: FileHandle | undefined;
  let isInside = false;
  try {
    handle = await open(absolute, kind === 'directory' ? FLAGS | (constants.O_DIRECTORY ?? 0) : FLAGS);
    isInside = await isAt(handle, absolute);
    return isInside ? handle : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  } finally {
    if (!isInside) await handle?.close();
  }
};

/** Where the kernel shows an open file; undefined: this system does not. */
export const descriptorPath = ({ fd }: FileHandle): string | undefined =>
  process.platform === 'linux' ? `/proc/self/fd/${fd}` : undefined;

const isAt = async (handle: FileHandle, absolute: string): Promise<boolean> => {
  const shown = descriptorPath(handle);
  if (shown !== undefined) return (await readlink(shown)) === absolute;
  const { dev, ino } = await handle.stat({ bigint: true });
  for (let n = 0; n < LOOKS; n += 1) {
    const named = (await isStraight(absolute)) ? await lookAt(absolute) : undefined;
    if (named?.ino !== ino || named.dev !== dev) return false;
  }
  return true;
};
