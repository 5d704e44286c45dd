import { fileURLToPath } from 'node:url';

/**
 * Where a server process dies:
 *   committed  the commit of a `custom.doomed` event is synced, and nobody has been told
 *   starting   the workflow of a run of such an event is about to be started
 *   recording  an attempt was made, and is about to be recorded
 */
export type DeathPoint = 'committed' | 'starting' | 'recording';

/** The type of the events that the points above look for. */
export const DOOMED = 'custom.doomed';

const preload = (name: string): string => new URL(name, import.meta.url).href;

/** The environment of a server that kills itself with SIGKILL at this point. The product knows nothing of it. */
export const dyingAt = (point: DeathPoint): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=${preload('./preload.ts')}`,
  FAULT_DEATH_POINT: point,
});

/** The environment of a server whose wall clock jumps at SIGUSR2: an hour on, two hours back, an hour on, and so forth. */
export const jumpingClock = (): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=${preload('./clock.ts')}`,
});

/** Whether this thread is the server itself: its workflow threads and children load the same preloads. */
export const isServer = (isMainThread: boolean): boolean =>
  isMainThread && process.argv[1] === fileURLToPath(new URL('../../../src/main/serve.ts', import.meta.url));
