import { worldScope, type Principal } from '../access/principal.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { takeSeat } from './agent-seat.ts';
import type { Channel } from './channel.ts';
import type { ConnectedAgents } from './connected-agents.ts';
import type { FanOut } from './fan-out.ts';
import { PROTOCOL, errorMessage, parseMessage, requestOf } from './protocol.ts';
import type { ClientMessage, Result, ServerMessage, StreamLimits } from './protocol.ts';
import { createSession } from './session.ts';

export interface ConversationDeps {
  readonly log: Pick<Log, 'query' | 'head' | 'firstAvailable'>;
  readonly fanOut: FanOut;
  readonly agents: ConnectedAgents;
  readonly channel: Channel;
  readonly limits: StreamLimits;
  readonly epoch: () => string | null;
  readonly logger: Logger;
  /** The `X-Crucible-World` of the request. */
  readonly world: string | undefined;
}

/** What is said on a connection whose credentials are good, from `hello` on: subscriptions, and the actions of its agent. */
export interface Conversation {
  readonly principal: Principal;
  /** What is wrong with a message is told to the client. */
  take(text: string): void;
  /** Called now and then: tells a client to which nothing was sent since the last time how far it has come. */
  checkpoint(): void;
  /** The connection is gone. Safe to call twice. */
  close(): void;
  readonly subscriptions: number;
  /** How many of them are not live. */
  readonly reading: number;
}

/**
 * Begins with `hello`.
 * @param onFailure the log cannot be read: the connection is to end
 * @throws CrucibleError `forbidden`: the world is not one of the credentials'
 */
export const beginConversation = (
  deps: ConversationDeps,
  principal: Principal,
  onFailure: (error: unknown) => void,
): Conversation => {
  const { channel, limits, log, logger } = deps;
  const scope = worldScope(principal, deps.world);
  let over = false;

  const tell = (message: ServerMessage): void => channel.send(JSON.stringify(message));

  tell({
    type: 'hello',
    protocol: PROTOCOL,
    epoch: deps.epoch(),
    head: log.head(),
    first_available: log.firstAvailable(),
    heartbeat_ms: limits.heartbeatMs,
  });
  const session = createSession({ ...deps, outlet: channel, principal, worlds: scope.visible, onFailure });
  const seat = takeSeat(deps.agents, {
    principal,
    worlds: scope.visible,
    ready: () => !over && channel.buffered() <= limits.maxBufferedBytes,
    send: (action) => channel.send(JSON.stringify({ type: 'action', ...action })),
  });

  const takeResult = ({ run_id: runId, outputs, error }: Result): void => {
    if (seat === undefined) {
      throw new CrucibleError('forbidden', 'This connection takes no actions, so it has no results', {
        hint: 'Connect with a key that is bound to the agent and holds agent:execute.',
      });
    }
    seat.answer(runId, {
      ...(outputs !== undefined && { outputs }),
      ...(error !== undefined && { error }),
    });
  };

  const act = (message: ClientMessage): void => {
    switch (message.action) {
      case 'auth':
        throw new CrucibleError('conflict', 'This connection is authenticated already');
      case 'subscribe':
        return session.subscribe(message);
      case 'unsubscribe':
        return session.unsubscribe(message);
      case 'result':
        return takeResult(message);
      case 'ping':
        return tell({ type: 'pong' });
      case 'pong':
    }
  };

  return {
    principal,
    take(text) {
      try {
        act(parseMessage(text));
      } catch (error) {
        if (!isCrucibleError(error)) logger.error({ err: error }, 'a message of the stream failed');
        tell(errorMessage(error, requestOf(text)));
      }
    },
    checkpoint: () => session.checkpoint(),
    close() {
      over = true;
      session.close();
      seat?.leave();
    },
    get subscriptions() {
      return session.subscriptions;
    },
    get reading() {
      return session.reading;
    },
  };
};
