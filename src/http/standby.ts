import { CrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import { createSmallDoor, type SmallDoor } from './small-door.ts';

const WAITING = 'another server is the writer; this one takes its place when it is gone';

/** The door of a server that stands by: alive, not ready, and everything else is another server's to answer. */
export const createStandbyDoor = (deps: { readonly version: string; readonly newId: NewId }): SmallDoor =>
  createSmallDoor({
    ...deps,
    health: { components: () => [{ name: 'log', state: 'starting', detail: WAITING }] },
    refusal: () =>
      new CrucibleError('fenced', `This server stands by: ${WAITING}`, {
        hint: 'Send it to the server whose /readyz says 200.',
        retryAfterMs: 1_000,
      }),
  });
