import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../kernel/logger.ts';
import { isAlive, processIdentity } from '../../temporal/process-identity.ts';

/*
 * A server whose supervisor was killed ends by itself (its channel to the supervisor closes), but that takes a moment
 * in which it still holds the data directory. So the supervisor notes which process it started, and the next one waits
 * for that process to be gone, and helps.
 */

interface ServerRecord {
  readonly pid: number;
  readonly identity: string;
  readonly ownerPid: number;
  readonly ownerIdentity: string;
}

/** Notes that this process started that server. */
export const recordServer = async (path: string, pid: number): Promise<void> => {
  const identity = processIdentity(pid);
  const ownerIdentity = processIdentity(process.pid);
  if (identity === undefined || ownerIdentity === undefined) return;
  const record: ServerRecord = { pid, identity, ownerPid: process.pid, ownerIdentity };
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, JSON.stringify(record), { mode: 0o600 });
  await rename(temporary, path);
};

export const forgetServer = async (path: string): Promise<void> => rm(path, { force: true });

/** Ends the server of a supervisor that is dead. One whose supervisor lives is left alone. */
export const endOrphanServer = async (path: string, logger: Logger, graceMs: number): Promise<void> => {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const record = text === undefined ? undefined : parse(text);
  if (record === undefined || !isAlive(record.pid, record.identity)) return;
  if (isAlive(record.ownerPid, record.ownerIdentity)) return;
  logger.warn({ pid: record.pid }, 'ending the server of a supervisor that was killed');
  process.kill(record.pid, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (isAlive(record.pid, record.identity)) {
    if (performance.now() > deadline) process.kill(record.pid, 'SIGKILL');
    await delay(50);
  }
};

const parse = (text: string): ServerRecord | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, identity, ownerPid, ownerIdentity } = value as Partial<Record<keyof ServerRecord, unknown>>;
    if (typeof pid !== 'number' || typeof ownerPid !== 'number') return undefined;
    if (typeof identity !== 'string' || typeof ownerIdentity !== 'string') return undefined;
    return { pid, identity, ownerPid, ownerIdentity };
  } catch {
    return undefined;
  }
};
