import { env } from 'node:process';
import type { Surreal, SurrealSession } from 'surrealdb';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import { makePath } from '../kernel/make-path.ts';

/**
 * Caps of RocksDB's memory: without them its caches take a large part of the machine, with them nothing gets slower.
 * They are read once, when the engine's native code loads, and only from the environment; hence the one place outside
 * of `src/config` that touches it. What is set already stays.
 */
const ROCKSDB_LIMITS = {
  SURREAL_ROCKSDB_BLOCK_CACHE_SIZE: String(32 * 1024 * 1024),
  SURREAL_ROCKSDB_WRITE_BUFFER_SIZE: String(16 * 1024 * 1024),
  SURREAL_ROCKSDB_MAX_WRITE_BUFFER_NUMBER: '2',
};

const CONNECT_TIMEOUT_MS = 15_000;
const CLOSE_TIMEOUT_MS = 2_000;

/** A session in one database. */
export interface Connection {
  readonly db: SurrealSession;
  /** Whether the database lives in this process. */
  readonly embedded: boolean;
  /**
   * Ends the connection. The embedded engine keeps the directory locked all the same, until the process ends.
   */
  readonly close: () => Promise<void>;
}

export interface ConnectOptions {
  /** `rocksdb:///absolute/directory` (in this process), or `ws://` or `wss://` with the path `/rpc`. */
  readonly url: string;
  readonly user: string | undefined;
  readonly pass: string | undefined;
  readonly namespace: string;
  readonly database: string;
}

/**
 * Connects to a server, or opens the database inside this process. The namespace and database are made if missing.
 * @throws CrucibleError `data_dir_locked`, `config_invalid`, `log_unavailable`
 */
export const connect = async (options: ConnectOptions): Promise<Connection> => {
  const scheme = /^([a-z+]+):/.exec(options.url)?.[1] ?? '';
  if (scheme === 'rocksdb') return connectEmbedded(options);
  if (scheme === 'ws' || scheme === 'wss') return connectRemote(options);
  throw new CrucibleError('config_invalid', `The database URL begins with "${scheme}:"`, {
    hint: 'Use rocksdb:///absolute/directory for a database in this process, or ws://host:port/rpc for a server.',
  });
};

const connectRemote = async (options: ConnectOptions): Promise<Connection> => {
  const { Surreal, createRemoteEngines } = await import('surrealdb');
  const db = new Surreal({ engines: createRemoteEngines() });
  const { user, pass } = options;
  const connecting = db.connect(options.url, {
    reconnect: { enabled: true, attempts: -1, retryDelay: 100, retryDelayMax: 2_000 },
    ...(user === undefined || pass === undefined
      ? {}
      : { authentication: { username: user, password: pass } }),
  });
  try {
    await within(connecting, CONNECT_TIMEOUT_MS);
    await useDatabase(db, options);
  } catch (cause) {
    await db.close();
    throw remoteFailure(options, cause);
  }
  // A server that hangs never says good-bye.
  const close = () => within(db.close(), CLOSE_TIMEOUT_MS).then(ignore, ignore);
  return { db, embedded: false, close };
};

/** What a server answers to a user, a password, or nobody, that it does not let in. */
const isRefusal = (cause: unknown): boolean => cause instanceof Error && cause.name === 'NotAllowedError';

/** Of a URL with a user and a password in it, neither is told. */
const placeOf = (url: string): string => url.replace(/\/\/[^/@]*@/, '//');

const remoteFailure = ({ url, user }: ConnectOptions, cause: unknown): CrucibleError =>
  isRefusal(cause)
    ? new CrucibleError(
        'config_invalid',
        `The SurrealDB server at ${placeOf(url)} does not let ${user === undefined ? 'anybody in without a user' : `the user ${user} in`}`,
        {
          hint: 'Give a root or namespace user by CRUCIBLE_SURREAL_USER, and the password by CRUCIBLE_SURREAL_PASS.',
          cause,
        },
      )
    : new CrucibleError('log_unavailable', `The SurrealDB server at ${placeOf(url)} cannot be reached`, {
        hint: 'Is it running, and is CRUCIBLE_SURREAL_URL its address?',
        cause,
      });

const connectEmbedded = async (options: ConnectOptions): Promise<Connection> => {
  const { directory, url } = embeddedUrl(options.url);
  for (const [name, value] of Object.entries(ROCKSDB_LIMITS)) env[name] ??= value;
  try {
    makePath(directory);
  } catch (cause) {
    throw new CrucibleError(
      'log_unavailable',
      `The directory ${directory} cannot be made: ${messageOf(cause)}`,
      {
        hint: 'Mend it, or name another place by CRUCIBLE_SURREAL_URL or CRUCIBLE_DATA_DIR.',
        cause,
      },
    );
  }
  const { Surreal } = await import('surrealdb');
  const { createNodeEngines } = await import('@surrealdb/node');
  const { rocksdb } = createNodeEngines();
  if (rocksdb === undefined)
    throw new CrucibleError('log_unavailable', 'This build of SurrealDB has no RocksDB');
  const failed = Promise.withResolvers<never>();

  // Two things that the stock engine does not do: it hands the directory on percent-encoded (a blank in the path makes
  // another directory), and a failure to open is told to nobody, so that connecting never ends.
  const exact: typeof rocksdb = (context) => {
    const engine = rocksdb(context);
    const open = engine.open.bind(engine);
    engine.subscribe('error', (error) => failed.reject(error));
    engine.open = (state) =>
      open({ ...state, url: Object.assign(new URL(state.url), { toString: () => url }) });
    return engine;
  };
  const db = new Surreal({ engines: { rocksdb: exact } });
  try {
    await within(
      Promise.race([db.connect('rocksdb:///', { reconnect: false }), failed.promise]),
      CONNECT_TIMEOUT_MS,
    );
    await useDatabase(db, options);
  } catch (error) {
    throw openFailure(directory, error);
  }
  return { db, embedded: true, close: async () => void (await db.close()) };
};

/** The directory of an embedded database, and the URL that the engine takes: synced commits, always. */
export const embeddedUrl = (given: string): { readonly directory: string; readonly url: string } => {
  const path = given.replace(/^rocksdb:(\/\/)?/, '').replace(/\?.*$/s, '');
  if (!path.startsWith('/') && !/^[A-Za-z]:[\\/]/.test(path)) {
    throw new CrucibleError(
      'config_invalid',
      `The database URL ${given} does not name an absolute directory`,
      {
        hint: 'Write rocksdb:///absolute/directory.',
      },
    );
  }
  return { directory: path, url: `rocksdb://${path}?sync=every` };
};

const useDatabase = async (db: Surreal, { namespace, database }: ConnectOptions): Promise<void> => {
  const { escapeIdent } = await import('surrealdb');
  await db.query(`DEFINE NAMESPACE IF NOT EXISTS ${escapeIdent(namespace)}`);
  await db.use({ namespace });
  await db.query(`DEFINE DATABASE IF NOT EXISTS ${escapeIdent(database)}`);
  await db.use({ namespace, database });
};

const openFailure = (directory: string, error: unknown): CrucibleError => {
  const reason = [messageOf(error), error instanceof Error ? messageOf(error.cause) : ''].join(': ');
  if (/lock file/i.test(reason)) {
    return new CrucibleError(
      'data_dir_locked',
      `The data directory ${directory} is in use by another process`,
      {
        hint: 'Stop the other process, or give this one another data directory.',
        cause: error,
      },
    );
  }
  return new CrucibleError('log_unavailable', `The database in ${directory} cannot be opened: ${reason}`, {
    hint: 'Is the directory writable, is there space on the disk, and was it written by this program?',
    cause: error,
  });
};

const ignore = (): void => undefined;

const within = async <T>(work: Promise<T>, timeoutMs: number): Promise<T> => {
  const late = Promise.withResolvers<never>();
  const timeout = setTimeout(() => late.reject(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timeout);
  }
};
