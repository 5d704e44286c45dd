import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { assertWorkerConfig } from './worker-config.ts';

const KEY = 'k'.repeat(32);
const GOOD = {
  CRUCIBLE_SURREAL_URL: 'ws://127.0.0.1:8000/rpc',
  CRUCIBLE_SURREAL_USER: 'root',
  CRUCIBLE_SURREAL_PASS: 'root',
  CRUCIBLE_INTERNAL_KEY: KEY,
  CRUCIBLE_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  TEMPORAL_ADDRESS: 'temporal:7233',
};

const judge = (env: Readonly<Record<string, string>>, files: readonly string[] = []): string =>
  assertWorkerConfig(loadConfig({ env, cwd: '/srv', dev: false, file: false }), (path) =>
    files.some((file) => path.endsWith(file)),
  );

const issuesOf = (env: Readonly<Record<string, string>>): readonly string[] => {
  try {
    judge(env);
  } catch (error) {
    if (error instanceof CrucibleError && error.code === 'config_invalid')
      return error.issues.map(({ path }) => path);
    throw error;
  }
  return [];
};

describe('the configuration of a worker', () => {
  it('has a database server, a Temporal, and the keys of the servers', () => {
    expect(judge(GOOD)).toBe(KEY);
  });

  it('says all that is missing at once', () => {
    expect(issuesOf({})).toEqual([
      'CRUCIBLE_SURREAL_URL',
      'TEMPORAL_ADDRESS',
      'CRUCIBLE_INTERNAL_KEY',
      'CRUCIBLE_ENCRYPTION_KEY',
    ]);
  });

  it.each(['CRUCIBLE_SURREAL_URL', 'TEMPORAL_ADDRESS', 'CRUCIBLE_INTERNAL_KEY', 'CRUCIBLE_ENCRYPTION_KEY'])(
    'is refused without %s',
    (name) => {
      expect(issuesOf(Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== name)))).toEqual([
        name,
      ]);
    },
  );

  it('takes the encryption key from its file, and never makes one', () => {
    const { CRUCIBLE_ENCRYPTION_KEY: _, ...others } = GOOD;
    expect(judge(others, ['encryption.key'])).toBe(KEY);
  });
});
