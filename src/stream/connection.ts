import type { Access } from '../access/access.ts';
import type { Principal } from '../access/principal.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import { takesActions } from './agent-seat.ts';
import { beginConversation, type Conversation, type ConversationDeps } from './conversation.ts';
import type { Arrival } from './credentials.ts';
import { CLOSE, errorMessage, parseMessage } from './protocol.ts';
import type { ServerMessage } from './protocol.ts';
import type { Relay, RelayLine } from './relay.ts';

/**
 * One connection, from the moment that the socket is open.
 *
 *     opened --credentials came with the request--> authenticating
 *     opened --none came--> waiting --first message is `auth`--> authenticating
 *     waiting --another message, or none in time--> closed (1008)
 *     authenticating --good--> open, which begins with `hello`
 *     authenticating --good, those of an agent, and another server takes these--> relayed, to that server
 *     authenticating --bad--> closed (1008)
 *     open --revoked, expired--> closed (1008)
 *     open --nothing heard for two heartbeats--> closed, without a word
 *     open --too much waits to be written to a client that goes on asking--> closed (1013)
 *     open --the log cannot be read--> closed (1013)
 *     relayed --the other server ends it--> closed, as that one says
 *     relayed --nothing heard for two heartbeats, too much waits to be passed on--> closed
 *     any --the server stops--> closed (1012)
 */
export interface Connection {
  onText(text: string): void;
  onBinary(): void;
  onPing(data: Buffer): void;
  onPong(): void;
  /** The socket is closed. */
  onClosed(): void;
  /** Every `heartbeatMs`. */
  heartbeat(): void;
  /** Every `checkpointMs`, with the time. */
  tick(nowMs: number): void;
  /** Credentials of this principal were revoked. */
  revoked(principalId: string): void;
  close(code: number, reason: string): void;
  figures(): Omit<StreamFigures, 'connections'>;
}

/** How much there is of what costs memory. */
export interface StreamFigures {
  readonly connections: number;
  readonly subscriptions: number;
  /** Subscriptions that read the log, because they are behind. */
  readonly reading: number;
  /** Waits to be written to clients. */
  readonly bufferedBytes: number;
}

export interface ConnectionDeps extends ConversationDeps {
  readonly access: Pick<Access, 'authenticate'>;
  /** Where the connections of agents are talked with; undefined: here. */
  readonly relay?: Relay | undefined;
}

/** How much may wait to be written before a client that asks for more is sent away. Beyond what events may take. */
const REPLY_BUFFERS = 4;
const MISSED_HEARTBEATS = 2;

export const createConnection = (deps: ConnectionDeps, arrival: Arrival): Connection => {
  const { channel, limits, logger } = deps;
  let state: 'waiting' | 'authenticating' | 'open' | 'relayed' | 'closed' = 'waiting';
  let line: RelayLine | undefined;
  let conversation: Conversation | undefined;
  let missed = 0;
  /** What came while the credentials were looked at. No more than was on its way then. */
  let early: string[] = [];

  const tell = (message: ServerMessage): void => channel.send(JSON.stringify(message));

  const close = (code: number, reason: string): void => {
    if (state === 'closed') return;
    end();
    channel.close(code, reason);
  };

  const end = (): void => {
    state = 'closed';
    early = [];
    clearTimeout(patience);
    conversation?.close();
    line?.close();
  };

  const refuse = (error: unknown): void => {
    if (state === 'closed') return;
    tell(errorMessage(error, { action: 'auth' }));
    const down = isCrucibleError(error, 'issuer_unavailable');
    if (!isCrucibleError(error)) logger.error({ err: error }, 'credentials could not be looked at');
    close(down ? CLOSE.overload : CLOSE.policy, 'not authenticated');
  };

  const hand = (relay: Relay, authorization: string): void => {
    state = 'relayed';
    line = relay({
      authorization,
      world: deps.world,
      channel,
      onEnd({ code, reason, error }) {
        if (state === 'closed') return;
        if (error !== undefined) tell(errorMessage(error, { action: 'auth' }));
        close(code, reason);
      },
    });
  };

  const open = (who: Principal, authorization: string): void => {
    if (state === 'closed') return;
    clearTimeout(patience);
    if (deps.relay !== undefined && takesActions(who)) return hand(deps.relay, authorization);
    conversation = beginConversation(deps, who, (error) => {
      if (!isCrucibleError(error)) logger.error({ err: error }, 'the log could not be read for the stream');
      if (state === 'open') tell(errorMessage(error, null));
      close(CLOSE.overload, 'the log cannot be read now');
    });
    state = 'open';
  };

  const authenticate = async (key: string): Promise<void> => {
    state = 'authenticating';
    channel.pause();
    try {
      const authorization = `Bearer ${key}`;
      open(await deps.access.authenticate(authorization), authorization);
    } catch (error) {
      refuse(error);
    }
    // Also when it is refused: its answer to the end must be read. A relay does so itself, when it is open.
    if (line === undefined) channel.resume();
    for (const text of early.splice(0)) onText(text);
  };

  /** A client that asks and does not read the answers would fill the memory. */
  const mayAnswer = (): boolean => {
    if (channel.buffered() <= limits.maxBufferedBytes * REPLY_BUFFERS) return true;
    close(CLOSE.overload, 'answers are not read');
    // What waits will not be read either.
    channel.terminate();
    return false;
  };

  const onFirst = (text: string): void => {
    try {
      const message = parseMessage(text);
      if (message.action !== 'auth') {
        throw new CrucibleError('unauthenticated', 'The first message must be auth', {
          hint: 'Send {"action":"auth","key":"<key>"}, or an Authorization header with the request.',
        });
      }
      void authenticate(message.key);
    } catch (error) {
      refuse(error);
    }
  };

  const passOn = (to: RelayLine, text: string): void => {
    if (to.buffered() > limits.maxBufferedBytes * REPLY_BUFFERS) close(CLOSE.overload, 'too much at once');
    else to.send(text);
  };

  const onText = (text: string): void => {
    missed = 0;
    if (state === 'closed' || !mayAnswer()) return;
    if (state === 'waiting') return onFirst(text);
    if (line !== undefined) return passOn(line, text);
    if (conversation === undefined) return void early.push(text);
    conversation.take(text);
  };

  const patience = setTimeout(() => {
    if (state === 'waiting')
      refuse(new CrucibleError('unauthenticated', `No credentials came within ${limits.authTimeoutMs} ms`));
  }, limits.authTimeoutMs);
  patience.unref();

  if ('refused' in arrival) refuse(arrival.refused);
  else if ('principal' in arrival) {
    try {
      open(arrival.principal, arrival.authorization);
    } catch (error) {
      refuse(error);
    }
  }

  return {
    onText,
    onBinary: () => close(CLOSE.unsupported, 'messages are JSON text'),
    onPing(data) {
      missed = 0;
      if (state !== 'closed' && mayAnswer()) channel.pong(data);
    },
    onPong: () => {
      missed = 0;
    },
    onClosed: end,
    heartbeat() {
      if (state !== 'open' && state !== 'relayed') return;
      missed += 1;
      if (missed > MISSED_HEARTBEATS) {
        end();
        channel.terminate();
        return;
      }
      channel.ping();
      // The other server has its own.
      if (state === 'open') tell({ type: 'ping' });
    },
    tick(nowMs) {
      if (state !== 'open' || conversation === undefined) return;
      const { expiresAt } = conversation.principal;
      if (expiresAt !== undefined && expiresAt <= nowMs)
        refuse(new CrucibleError('unauthenticated', 'The credentials have expired'));
      else conversation.checkpoint();
    },
    revoked(principalId) {
      if (state !== 'open' || conversation?.principal.id !== principalId) return;
      refuse(new CrucibleError('unauthenticated', 'The credentials were revoked'));
    },
    close,
    figures: () => ({
      subscriptions: conversation?.subscriptions ?? 0,
      reading: conversation?.reading ?? 0,
      bufferedBytes: channel.buffered(),
    }),
  };
};
