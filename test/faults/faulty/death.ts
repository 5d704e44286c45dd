import { env } from 'node:process';
import type { DeathPoint } from './options.ts';

/** Ends this process as a power cut would, if this is the point; otherwise does nothing. */
export const dieAt = (point: DeathPoint): void => {
  if (env['FAULT_DEATH_POINT'] === point) process.kill(process.pid, 'SIGKILL');
};
