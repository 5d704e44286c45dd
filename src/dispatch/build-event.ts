import { buildEvent as build } from '../events/build.ts';
import { newId } from '../kernel/ids.ts';
import type { BuildEvent } from './terminal-event.ts';

/**
 * Checks each event of ours against its schema, whoever builds it: a payload that comes from rows has no type that says
 * that it fits.
 */
export const buildEvent: BuildEvent = (input, origin) =>
  build(input as Parameters<typeof build>[0], origin, { newId });
