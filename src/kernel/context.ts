import { AsyncLocalStorage } from 'node:async_hooks';
import type { Origin } from './origin.ts';

const current = new AsyncLocalStorage<Origin>();

/** Runs `work` with this origin: whatever it calls, however deep, finds it by {@link currentOrigin}. */
export const withOrigin = <T>(origin: Origin, work: () => T): T => current.run(origin, work);

/** The origin of the request or run that is being worked on; undefined outside of one. */
export const currentOrigin = (): Origin | undefined => current.getStore();
