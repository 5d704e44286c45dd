import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CrucibleError } from '../kernel/errors.ts';
import { MIN_ADMIN_KEY_LENGTH } from './access.ts';
import { generateKey } from './key-format.ts';
import type { RandomBytes } from './key-format.ts';

export interface AdminKey {
  readonly key: string;
  /** True: made just now, so it should be shown once. */
  readonly generated: boolean;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
const isThere = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST';

const read = async (path: string): Promise<string> => {
  const key = (await readFile(path, 'utf8')).trim();
  if (key.length >= MIN_ADMIN_KEY_LENGTH) return key;
  throw new CrucibleError(
    'config_invalid',
    `${path} does not hold an admin key of ${MIN_ADMIN_KEY_LENGTH} characters or more`,
    {
      hint: 'Remove the file to have a new key generated, or give one as CRUCIBLE_API_KEY.',
    },
  );
};

/**
 * The admin key: the given one, else the one in the file, else a fresh one, which is written there for the CLI to read
 * (mode 0600). A given key is not written: it lives where it came from. Two processes that start at once get one key.
 * @throws CrucibleError `config_invalid` when the file holds something else
 */
export const loadAdminKey = async (options: {
  readonly given: string | undefined;
  /** Absolute path of `admin.key`. */
  readonly path: string;
  readonly random: RandomBytes;
}): Promise<AdminKey> => {
  if (options.given !== undefined) return { key: options.given, generated: false };
  try {
    return { key: await read(options.path), generated: false };
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const key = generateKey(options.random);
  await mkdir(dirname(options.path), { recursive: true, mode: 0o700 });
  // Written beside it and linked into place: nobody ever reads half a key, and of two writers one wins.
  const draft = `${options.path}.${Buffer.from(options.random(6)).toString('hex')}`;
  await writeFile(draft, `${key}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, options.path);
    return { key, generated: true };
  } catch (error) {
    if (!isThere(error)) throw error;
    return { key: await read(options.path), generated: false };
  } finally {
    await rm(draft);
  }
};
