import { createServer, type IncomingMessage } from 'node:http';
import { isCrucibleError, messageOf, CrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import { answerHealthz, answerReadyz, type Health } from './health.ts';
import { listenOn, type Place } from './listen.ts';
import type { HttpMetrics } from './metrics.ts';
import { sendProblem } from './problem.ts';

/** The door of a process that answers no requests of clients: whether it lives, whether it is ready, its figures. */
export interface SmallDoor {
  /** @throws CrucibleError `port_in_use` */
  listen(at: Place): ReturnType<typeof listenOn>;
  /** The port is free when it resolves. */
  close(): Promise<void>;
}

export interface SmallDoorDeps {
  readonly version: string;
  readonly newId: NewId;
  readonly health: Health;
  /** What every other path is answered. */
  readonly refusal: () => CrucibleError;
  /** Absent: there is no `/metrics`. */
  readonly metrics?: {
    readonly answer: HttpMetrics['answer'];
    /** @throws CrucibleError `unauthenticated` */
    readonly assertMayRead: (req: IncomingMessage) => void;
  };
  readonly isDraining?: () => boolean;
}

export const createSmallDoor = (deps: SmallDoorDeps): SmallDoor => {
  const { metrics } = deps;
  const node = createServer((req, res) => {
    // Kept open, a connection would be in the way of the door that may follow on this port.
    res.setHeader('Connection', 'close');
    const refuse = (error: unknown): void => {
      const requestId = deps.newId('req');
      res.setHeader('X-Request-Id', requestId);
      sendProblem(
        res,
        isCrucibleError(error) ? error : new CrucibleError('internal', messageOf(error)),
        requestId,
      );
    };
    const path = (req.url ?? '').replace(/\?.*$/s, '');
    if (path === '/healthz') answerHealthz(res, deps.version);
    else if (path === '/readyz') void answerReadyz(res, deps.health, deps.isDraining?.() === true);
    else if (path === '/metrics' && metrics !== undefined) {
      const answer = async (): Promise<void> => {
        metrics.assertMayRead(req);
        await metrics.answer(res);
      };
      answer().catch(refuse);
    } else refuse(deps.refusal());
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
