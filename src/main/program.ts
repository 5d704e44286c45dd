import { describeStartError, loadConfig } from '../config/load.ts';
import type { Config } from '../config/config.ts';
import { isCrucibleError, type ErrorCode } from '../kernel/errors.ts';

/** How programs end: 0 after a signal, 78 when the configuration must be mended first, 75 when starting again may help. */
export const EX_TEMPFAIL = 75;
const EX_CONFIG = 78;

/** What only a person can mend. */
const NEEDS_MENDING: ReadonlySet<ErrorCode> = new Set([
  'config_invalid',
  'data_dir_locked',
  'store_too_new',
  'port_in_use',
]);

export const needsMending = (error: unknown): boolean =>
  isCrucibleError(error) && NEEDS_MENDING.has(error.code);

/** Says why it cannot start, and ends the process. */
export const refuse = (error: unknown): never => {
  process.stderr.write(`${describeStartError(error)}\n`);
  process.exit(needsMending(error) ? EX_CONFIG : 1);
};

/** What holds for this process; one that is wrong ends it. */
export const configuration = ({ dev }: { readonly dev: boolean }): Config => {
  try {
    return loadConfig({ env: process.env, cwd: process.cwd(), dev });
  } catch (error) {
    return refuse(error);
  }
};

/** Calls `stop` when somebody asks this process to end. */
export const onStop = (stop: (reason: string) => void): void => {
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  // The supervisor is gone: nobody would ever stop this process.
  process.on('disconnect', () => stop('the supervisor ended'));
};
