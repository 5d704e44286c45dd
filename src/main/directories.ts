import { accessSync, constants } from 'node:fs';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import { makePath } from '../kernel/make-path.ts';

const { R_OK, W_OK, X_OK } = constants;

const makeDirectory = (path: string, variable: string, access: number, mode?: number): void => {
  try {
    makePath(path, mode === undefined ? {} : { mode });
    accessSync(path, access);
  } catch (error) {
    throw new CrucibleError('config_invalid', `The directory ${path} cannot be used: ${messageOf(error)}`, {
      hint: `Mend it, or name another one by ${variable}.`,
      cause: error,
    });
  }
};

/**
 * Makes the directories that the configuration names where they are missing, before anything else writes into them: the
 * events are nobody else's to read (0700). Hooks may be read-only.
 * @throws CrucibleError `config_invalid` when one cannot be used
 */
export const makeDirectories = (config: {
  readonly dataDir: string;
  readonly hookDirs: readonly string[];
}): void => {
  makeDirectory(config.dataDir, 'CRUCIBLE_DATA_DIR', R_OK | W_OK | X_OK, 0o700);
  for (const dir of config.hookDirs) makeDirectory(dir, 'CRUCIBLE_HOOKS_DIR', R_OK | X_OK);
};
