import { existsSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { CrucibleError, type Issue } from '../kernel/errors.ts';
import { pathsOf } from './paths.ts';

const isServer = (url: string): boolean => /^(?:ws|http)s?:/.test(url);

/**
 * What a worker needs that a server on its own does not.
 * @returns the internal key
 * @throws CrucibleError `config_invalid`, with all that is missing
 */
export const assertWorkerConfig = (
  { surreal, temporal, internal, encryptionKey, dataDir }: Config,
  exists: (path: string) => boolean = existsSync,
): string => {
  const issues: Issue[] = [];
  if (!isServer(surreal.url))
    issues.push({
      path: 'CRUCIBLE_SURREAL_URL',
      message: `must name a database server (ws://host:port/rpc): ${surreal.url} can be read by one process only`,
    });
  if (temporal.address === undefined)
    issues.push({
      path: 'TEMPORAL_ADDRESS',
      message: 'must name the Temporal server, such as temporal:7233',
    });
  if (internal === undefined)
    issues.push({
      path: 'CRUCIBLE_INTERNAL_KEY',
      message: 'must be the key of the server that writes, which has to have one',
    });
  // A fresh one would read nothing of what the others have encrypted.
  if (encryptionKey === undefined && !exists(pathsOf(dataDir).encryptionKey))
    issues.push({
      path: 'CRUCIBLE_ENCRYPTION_KEY',
      message: 'must be the key of the servers: the secrets of webhooks are encrypted with it',
    });
  if (internal !== undefined && issues.length === 0) return internal.key;
  throw new CrucibleError(
    'config_invalid',
    `A worker works for a server elsewhere: ${issues.map(({ path, message }) => `${path} ${message}`).join('; ')}`,
    { issues, hint: 'crucible serve executes runs too; a worker of its own is for more of them.' },
  );
};
