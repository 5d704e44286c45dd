import { resolve } from 'node:path';
import type { SettingName } from '../config/schema.ts';
import { loadConfig } from '../config/load.ts';
import type { Flags } from '../config/sources.ts';
import { createClient, type CrucibleClient } from '../client/client.ts';
import type { CrucibleError } from '../kernel/errors.ts';
import { silentLogger, type Logger } from '../kernel/logger.ts';
import { startCrucible } from './crucible.ts';
import { readSecretFrom } from './secrets.ts';
import { readVersion } from './version.ts';

/** Settings by the names that they have in `crucible.yaml`; all others have their defaults. */
export type CrucibleSettings = Readonly<Partial<Record<SettingName, string | number>>> & {
  /** `host:port` of a Temporal server: none is started. */
  readonly temporal_address: string;
};

export interface CreateCrucibleOptions {
  /** What relative paths start from. Default: the working directory. */
  readonly cwd?: string;
  /** Default: says nothing. */
  readonly logger?: Logger;
  /** Of hooks and agents, by name: what templates call `secrets.NAME`. Default: none. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Hooks and webhooks may reach loopback, as with `crucible dev`. Default false. */
  readonly allowLoopback?: boolean;
  /** The log cannot be written any more: this process should let go of it and start again. Default: throws, uncaught. */
  readonly onFatal?: (error: CrucibleError) => void;
}

/** A server within this process. */
export interface EmbeddedCrucible extends AsyncDisposable {
  /** Where its API is, as for everybody else. */
  readonly url: string;
  /** Calls it with the admin key. */
  readonly client: CrucibleClient;
  /** Finishes what is under way and lets go of everything. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts a whole server within another Node program: log, hooks, webhooks, worker and API. Neither variables nor
 * `crucible.yaml` are read: what is given is all that holds. One server at a time is what is meant.
 *
 * The embedded database keeps its directory locked until the process ends: a closed server can be started again in the
 * same process only with another `data_dir`, or with a SurrealDB server (`surreal_url`).
 * @param settings `port: 0` picks a free one
 * @throws CrucibleError `config_invalid`, `data_dir_locked`, `store_too_new`, `port_in_use`
 */
export const createCrucible = async (
  settings: CrucibleSettings,
  options: CreateCrucibleOptions = {},
): Promise<EmbeddedCrucible> => {
  const cwd = resolve(options.cwd ?? '.');
  const flags: Flags = Object.fromEntries(
    Object.entries(settings)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  );
  const config = loadConfig({ env: {}, cwd, flags, file: false, dev: options.allowLoopback === true });
  const secrets = Object.fromEntries(
    Object.entries(options.secrets ?? {}).map(([name, value]) => [`CRUCIBLE_HOOK_SECRET_${name}`, value]),
  );
  const crucible = await startCrucible({
    config,
    logger: options.logger ?? silentLogger,
    version: readVersion(),
    readSecret: readSecretFrom(secrets),
    environment: {},
    onFatal:
      options.onFatal ??
      ((error) => {
        throw error;
      }),
  });
  const close = (): Promise<void> => crucible.close('the program that embeds it closed it');
  return {
    url: crucible.url,
    client: createClient({ url: crucible.url, key: crucible.adminKey.key }),
    close,
    [Symbol.asyncDispose]: close,
  };
};
