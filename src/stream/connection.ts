import type { Access } from '../access/access.ts';
import type { Principal } from '../access/principal.ts';
import { worldScope } from '../access/principal.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { takeSeat, takesActions } from './agent-seat.ts';
import type { Channel } from './channel.ts';
import type { ConnectedAgents, Seat } from './connected-agents.ts';
import type { Arrival } from './credentials.ts';
import type { FanOut } from './fan-out.ts';
import { CLOSE, PROTOCOL, errorMessage, parseMessage, requestOf } from './protocol.ts';
import type { ClientMessage, Result, ServerMessage, StreamLimits } from './protocol.ts';
import type { Relay, RelayLine } from './relay.ts';
import { createSession, type Session } from './session.ts';

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

export interface ConnectionDeps {
  readonly log: Pick<Log, 'query' | 'head' | 'firstAvailable'>;
  readonly access: Pick<Access, 'authenticate'>;
  readonly fanOut: FanOut;
  readonly agents: ConnectedAgents;
  readonly channel: Channel;
  readonly limits: StreamLimits;
  readonly epoch: () => string | null;
  readonly logger: Logger;
  /** The `X-Crucible-World` of the request. */
  readonly world: string | undefined;
  /** Where the connections of agents are talked with; undefined: here. */
  readonly relay?: Relay | undefined;
}

/** How much may wait to be written before a client that asks for more is sent away. Beyond what events may take. */
const REPLY_BUFFERS = 4;
const MISSED_HEARTBEATS = 2;

export const createConnection = (deps: ConnectionDeps, arrival: Arrival): Connection => {
  const { channel, limits, logger, log } = deps;
  let state: 'waiting' | 'authenticating' | 'open' | 'relayed' | 'closed' = 'waiting';
  let line: RelayLine | undefined;
  let session: Session | undefined;
  let seat: Seat | undefined;
  let principal: Principal | undefined;
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
    session?.close();
    seat?.leave();
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
    const scope = worldScope(who, deps.world);
    principal = who;
    state = 'open';
    session = createSession({
      ...deps,
      outlet: channel,
      principal: who,
      worlds: scope.visible,
      onFailure: (error) => {
        if (!isCrucibleError(error)) logger.error({ err: error }, 'the log could not be read for the stream');
        if (state === 'open') tell(errorMessage(error, null));
        close(CLOSE.overload, 'the log cannot be read now');
      },
    });
    tell({
      type: 'hello',
      protocol: PROTOCOL,
      epoch: deps.epoch(),
      head: log.head(),
      first_available: log.firstAvailable(),
      heartbeat_ms: limits.heartbeatMs,
    });
    seat = takeSeat(deps.agents, {
      principal: who,
      worlds: scope.visible,
      ready: () => state === 'open' && channel.buffered() <= limits.maxBufferedBytes,
      send: (action) => channel.send(JSON.stringify({ type: 'action', ...action })),
    });
  };

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

  const act = (message: ClientMessage, session: Session): void => {
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
    if (state === 'authenticating' || session === undefined) return void early.push(text);
    try {
      act(parseMessage(text), session);
    } catch (error) {
      if (!isCrucibleError(error)) logger.error({ err: error }, 'a message of the stream failed');
      tell(errorMessage(error, requestOf(text)));
    }
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
      if (state !== 'open') return;
      if (principal?.expiresAt !== undefined && principal.expiresAt <= nowMs) {
        refuse(new CrucibleError('unauthenticated', 'The credentials have expired'));
        return;
      }
      session?.checkpoint();
    },
    revoked(principalId) {
      if (state !== 'open' || principal?.id !== principalId) return;
      refuse(new CrucibleError('unauthenticated', 'The credentials were revoked'));
    },
    close,
    figures: () => ({
      subscriptions: session?.subscriptions ?? 0,
      reading: session?.reading ?? 0,
      bufferedBytes: channel.buffered(),
    }),
  };
};
