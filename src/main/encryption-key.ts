import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CrucibleError } from '../kernel/errors.ts';

/**
 * The 32-byte key that secrets are encrypted with at rest: the given one (base64), else the one in the file, else a
 * fresh one that is written there (mode 0600).
 * @throws CrucibleError `config_invalid` when the file holds something else
 */
export const loadEncryptionKey = (given: string | undefined, path: string): Buffer => {
  if (given !== undefined) return Buffer.from(given, 'base64');
  const stored = read(path);
  if (stored === undefined) {
    const key = randomBytes(32);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, `${key.toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    return key;
  }
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
