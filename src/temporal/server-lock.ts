import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isAlive } from './process-identity.ts';

/** A process, in a way that a later one under the same pid does not fit. */
export interface ProcessRef {
  readonly pid: number;
  readonly identity: string;
}

/** What the lock file of a managed dev server says. Written before the server is spawned, so `server` may be missing. */
export interface ServerLock {
  /** The supervisor that the server belongs to. When it is dead, the server is an orphan. */
  readonly owner: ProcessRef;
  readonly server?: ProcessRef & {
    readonly port: number;
    readonly uiPort: number;
    readonly version: string;
    readonly namespace: string;
  };
}

export type LockAnswer =
  | { readonly kind: 'taken'; readonly by: ProcessRef }
  /** It is ours. `before`: what a dead owner left. */
  | { readonly kind: 'ours'; readonly before: ServerLock | undefined };

/**
 * Takes the lock for `owner`, also from an owner that is dead.
 * Of several that try at once, one gets it: the file is linked into place whole, and only what was read as stale is
 * moved away.
 */
export const takeLock = async (path: string, owner: ProcessRef): Promise<LockAnswer> => {
  await mkdir(dirname(path), { recursive: true });
  let before: ServerLock | undefined;
  for (;;) {
    if (await create(path, { owner, ...(before?.server === undefined ? {} : { server: before.server }) })) {
      return { kind: 'ours', before };
    }
    const text = await readIfThere(path);
    if (text === undefined) continue;
    const found = parse(text);
    if (found !== undefined && holds(found, owner)) return { kind: 'taken', by: found.owner };
    before = found;
    await moveAway(path, text);
  }
};

/** Undefined: it is gone meanwhile. A lock that cannot be read (another user's) is an error, not one to wait for. */
const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/** A lock of our own process holds only as long as its server: it stays behind when that ends by itself. */
const holds = (lock: ServerLock, self: ProcessRef): boolean => {
  const own = lock.owner.pid === self.pid && lock.owner.identity === self.identity;
  if (!own) return isAlive(lock.owner.pid, lock.owner.identity);
  return lock.server !== undefined && isAlive(lock.server.pid, lock.server.identity);
};

/** Replaces the content of a lock that is ours. */
export const writeLock = async (path: string, lock: ServerLock): Promise<void> => {
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, JSON.stringify(lock), { mode: 0o600, flush: true });
  await rename(temporary, path);
};

export const removeLock = async (path: string): Promise<void> => rm(path, { force: true });

const create = async (path: string, lock: ServerLock): Promise<boolean> => {
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, JSON.stringify(lock), { mode: 0o600, flush: true });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
};

/** Another one may have put its fresh lock there since we read: then it goes back. */
const moveAway = async (path: string, stale: string): Promise<void> => {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
};

const parse = (text: string): ServerLock | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('owner' in value) || !isRef(value.owner))
    return undefined;
  const server = 'server' in value ? value.server : undefined;
  if (!isRef(server) || !('port' in server) || !('uiPort' in server)) return { owner: value.owner };
  if (!('version' in server) || !('namespace' in server)) return { owner: value.owner };
  return {
    owner: value.owner,
    server: {
      pid: server.pid,
      identity: server.identity,
      port: Number(server.port),
      uiPort: Number(server.uiPort),
      version: String(server.version),
      namespace: String(server.namespace),
    },
  };
};

const isRef = (value: unknown): value is ProcessRef =>
  typeof value === 'object' &&
  value !== null &&
  'pid' in value &&
  typeof value.pid === 'number' &&
  'identity' in value &&
  typeof value.identity === 'string';
