import type { Server } from 'node:http';
import { listenAt, type Place } from '../kernel/listen.ts';

export { hasCode, type Place } from '../kernel/listen.ts';

/** @throws CrucibleError `port_in_use` */
export const listenOn = (node: Server, place: Place): ReturnType<typeof listenAt> =>
  listenAt(node, place, 'CRUCIBLE_PORT');
