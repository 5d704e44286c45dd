import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createClient, type CrucibleClient } from '../client/client.ts';
import { CliFailure, EXIT, usageFailure } from './exit.ts';
import { given } from './input.ts';
import type { CliIo, LocalServer } from './io.ts';

/** Options that every command takes, and what they mean when they are absent. */
export interface ConnectionOptions {
  /** Else `CRUCIBLE_URL`, else where the configuration says. */
  readonly url?: string;
  /** A file with an API key; else `CRUCIBLE_API_KEY`, else `admin.key` of the data directory. */
  readonly keyFile?: string;
  readonly dataDir?: string;
  readonly world?: string;
}

export interface Connection {
  readonly client: CrucibleClient;
  readonly url: string;
}

/** Keys are not options: whoever lists processes would see them. */
const readKey = async (io: CliIo, options: ConnectionOptions, local: () => LocalServer): Promise<string> => {
  const fromEnv = io.env['CRUCIBLE_API_KEY'];
  if (options.keyFile === undefined && fromEnv !== undefined && fromEnv !== '') return fromEnv;
  if (options.keyFile === undefined && options.dataDir === undefined) {
    const { key } = local();
    if (key !== undefined) return key;
  }
  const path =
    options.keyFile === undefined
      ? join(resolve(io.cwd, options.dataDir ?? local().dataDir), 'admin.key')
      : resolve(io.cwd, options.keyFile);
  try {
    const key = (await readFile(path, 'utf8')).trim();
    if (key !== '') return key;
  } catch (error) {
    throw new CliFailure(`there is no API key: ${error instanceof Error ? error.message : String(error)}`, {
      exitCode: EXIT.access,
      hint: 'Give one in CRUCIBLE_API_KEY or by --key-file, or run the command where the server keeps its data (--data-dir).',
    });
  }
  throw new CliFailure(`${path} is empty`, { exitCode: EXIT.access, hint: 'It must hold an API key.' });
};

/** @throws CliFailure */
export const connect = async (io: CliIo, options: ConnectionOptions): Promise<Connection> => {
  let found: LocalServer | undefined;
  // Asked only where it is needed: a configuration that is not valid does not matter to who names a server and a key.
  const local = (): LocalServer => (found ??= io.local());
  const fromEnv = io.env['CRUCIBLE_URL'];
  const url = options.url ?? (fromEnv === undefined || fromEnv === '' ? local().url : fromEnv);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw usageFailure(`${url} is not the URL of a server`, 'It looks like http://127.0.0.1:8080.');
  const key = await readKey(io, options, local);
  return { url, client: createClient({ url, key, ...given({ world: options.world }) }) };
};
