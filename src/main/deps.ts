import type { Config } from '../config/config.ts';
import type { CrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';

/** What a process gives to the composition. */
export interface CrucibleDeps {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  /** `secrets.NAME` of templates. */
  readonly readSecret: (name: string) => string | undefined;
  /** Of which commands of hooks see a few variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts when a start that waits for its turn is to be given up. */
  readonly stop?: AbortSignal;
  /** The log cannot be trusted any more in this process: end it. */
  readonly onFatal: (error: CrucibleError) => void;
}
