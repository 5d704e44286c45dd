import { kill as sendSignal } from 'node:process';
import { readdir, readFile } from 'node:fs/promises';

/**
 * Every process of a shell action carries this variable with a value of its own, and so do its children, however far
 * they have gone: a new session or a double fork does not change what a process was started with.
 */
export const MARKER = 'CRUCIBLE_PROCESS_TREE';

/** Each round kills what the last one found; a process that forks faster than this is ended by its parents' deaths. */
const ROUNDS = 50;

const isGone = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR'].includes(String(error.code));

/** @returns false: there was nothing to signal */
const signalled = (pid: number, signal: 'SIGTERM' | 'SIGKILL'): boolean => {
  try {
    sendSignal(pid, signal);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
};

/** The processes with this marker, by Linux's `/proc`; elsewhere none can be found. */
const marked = async (marker: string): Promise<readonly number[]> => {
  const wanted = Buffer.from(`${MARKER}=${marker}\0`);
  let names: readonly string[];
  try {
    names = await readdir('/proc');
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        return (await readFile(`/proc/${pid}/environ`)).includes(wanted) ? pid : undefined;
      } catch (error) {
        // It ended meanwhile, or is another user's: not ours either way.
        if (isGone(error)) return undefined;
        throw error;
      }
    }),
  );
  return found.filter((pid) => pid !== undefined);
};

/** Asks a process group to end. */
export const askToEnd = (group: number): boolean => signalled(-group, 'SIGTERM');

/**
 * Ends a process group and everything that ever came out of it and kept its environment.
 * @returns how many processes were still there
 */
export const endTree = async (group: number, marker: string): Promise<number> => {
  let ended = signalled(-group, 'SIGKILL') ? 1 : 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const left = await marked(marker);
    if (left.length === 0) break;
    ended += left.filter((pid) => signalled(pid, 'SIGKILL')).length;
  }
  return ended;
};
