import { createServer } from 'node:http';
import { CrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import { answerHealthz, answerReadyz } from './health.ts';
import { listenOn, type Place } from './listen.ts';
import { sendProblem } from './problem.ts';

/** The door of a server that stands by: alive, not ready, and everything else is another server's to answer. */
export interface StandbyDoor {
  /** @throws CrucibleError `port_in_use` */
  listen(at: Place): ReturnType<typeof listenOn>;
  /** The port is free when it resolves. */
  close(): Promise<void>;
}

const WAITING = 'another server is the writer; this one takes its place when it is gone';

export const createStandbyDoor = (deps: { readonly version: string; readonly newId: NewId }): StandbyDoor => {
  const health = { components: () => [{ name: 'log', state: 'starting' as const, detail: WAITING }] };
  const node = createServer((req, res) => {
    // Kept open, a connection would be in the way of the door that follows.
    res.setHeader('Connection', 'close');
    const path = (req.url ?? '').replace(/\?.*$/s, '');
    if (path === '/healthz') answerHealthz(res, deps.version);
    else if (path === '/readyz') void answerReadyz(res, health, false);
    else {
      const error = new CrucibleError('fenced', `This server stands by: ${WAITING}`, {
        hint: 'Send it to the server whose /readyz says 200.',
        retryAfterMs: 1_000,
      });
      const requestId = deps.newId('req');
      res.setHeader('X-Request-Id', requestId);
      sendProblem(res, error, requestId);
    }
  });
  return {
    listen: (at) => listenOn(node, at),
    close: async () => {
      if (!node.listening) return;
      const closed = new Promise((resolve) => node.close(resolve));
      node.closeAllConnections();
      await closed;
    },
  };
};
