import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CrucibleError } from '../kernel/errors.ts';

/**
 * The 32-byte key that secrets are encrypted with at rest: the given one (base64), else the one in the file, else a
 * fresh one that is written there (mode 0600).
 *
 * Guarantee: a key that is returned is on the disk, so no webhook is acknowledged whose secrets a crash makes
 * unreadable; and a crash never leaves half a key.
 * @throws CrucibleError `config_invalid` when the file holds something else
 */
export const loadEncryptionKey = (given: string | undefined, path: string): Buffer => {
  if (given !== undefined) return Buffer.from(given, 'base64');
  const stored = read(path);
  if (stored === undefined) return writeFresh(path);
  const key = Buffer.from(stored, 'base64');
  if (key.length !== 32) {
    throw new CrucibleError('config_invalid', `${path} does not hold a key of 32 bytes in base64`, {
      hint: 'restore the file from a backup: without it the secrets of existing webhooks cannot be read',
    });
  }
  return key;
};

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
};

/** Written beside it, synced, and linked into place, which fails if there is one. */
const writeFresh = (path: string): Buffer => {
  const key = randomBytes(32);
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  withFile(draft, 'wx', (file) => writeSync(file, `${key.toString('base64')}\n`));
  try {
    linkSync(draft, path);
  } finally {
    rmSync(draft);
  }
  // The directory's entry is synced by itself (fsync(2)).
  withFile(directory, 'r', () => undefined);
  return key;
};

const withFile = (path: string, flags: string, use: (file: number) => unknown): void => {
  const file = openSync(path, flags, 0o600);
  try {
    use(file);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
};
