import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Access } from '../access/access.ts';
import { isAllowedOrigin } from '../access/origins.ts';
import type { Clock } from '../kernel/clock.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { channelOf } from './channel.ts';
import type { ConnectedAgents } from './connected-agents.ts';
import { createConnection, type Connection, type StreamFigures } from './connection.ts';
import { chosenSubprotocol, offeredBy, type Arrival } from './credentials.ts';
import { createFanOut } from './fan-out.ts';
import { CLOSE, DEFAULT_LIMITS, type StreamLimits } from './protocol.ts';
import type { Relay } from './relay.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';

export const STREAM_PATH = '/api/v1/events/stream';

/** How long clients have to agree to the end before their sockets are cut. ms */
const CLOSE_GRACE_MS = 2_000;
/** How long a client that finds no place should stay away. ms */
const RETRY_AFTER_MS = 5_000;

export interface StreamServer {
  /** Takes the requests for connections from now on; all other requests stay with the server. */
  attach(node: Server): void;
  /** Takes one that has come by way of another server, to {@link STREAM_PATH}. */
  take(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells every client to come back (1012), and takes no more. Resolves when all are gone. Safe to call twice. */
  close(): Promise<void>;
  figures(): StreamFigures;
}

export interface StreamServerDeps {
  readonly log: Pick<Log, 'query' | 'head' | 'firstAvailable' | 'onCommit'>;
  readonly access: Pick<Access, 'authenticate' | 'onRevoked'>;
  /** Who of the agents is connected; closed with the stream. */
  readonly agents: ConnectedAgents;
  /** Which log this is; null while it is empty. */
  readonly epoch: () => string | null;
  /** Origins of pages that may connect; what is no page sends none. */
  readonly origins: readonly string[];
  readonly clock: Clock;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly limits?: Partial<StreamLimits>;
  /** Where the connections of agents are talked with; absent: here. */
  readonly relay?: Relay;
}

const pathOf = (req: IncomingMessage): string => (req.url ?? '').split('?')[0] ?? '';

const isForUs = (req: IncomingMessage): boolean =>
  req.headers.upgrade?.toLowerCase() === 'websocket' && pathOf(req) === STREAM_PATH;

/** The events of the log as WebSocket messages. */
export const createStreamServer = (deps: StreamServerDeps): StreamServer => {
  const { log, access, clock, logger } = deps;
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const fanOut = createFanOut(log);
  const open = new Map<WebSocket, Connection>();
  let closing: Promise<void> | undefined;

  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxMessageBytes,
    perMessageDeflate: false,
    clientTracking: false,
    // Ours looks first whether the answers are read.
    autoPong: false,
    handleProtocols: chosenSubprotocol,
  });

  const connect = (ws: WebSocket, req: IncomingMessage, arrival: Arrival): void => {
    const world = req.headers['x-crucible-world'];
    const connection = createConnection(
      {
        ...deps,
        limits,
        fanOut,
        channel: channelOf(ws, req.socket),
        world: Array.isArray(world) ? world.join() : world,
      },
      arrival,
    );
    open.set(ws, connection);
    ws.on('message', (data, isBinary) => {
      if (isBinary) connection.onBinary();
      // With the default `binaryType` it is a Buffer.
      else connection.onText((data as Buffer).toString());
    });
    ws.on('ping', (data) => connection.onPing(data));
    ws.on('pong', () => connection.onPong());
    // A breach of the protocol; `ws` closes with the code that it has (1002, 1007, 1009).
    ws.on('error', (error) => logger.debug({ err: error }, 'a connection of the stream broke the protocol'));
    ws.on('close', () => {
      open.delete(ws);
      connection.onClosed();
    });
  };

  const arrivalOf = async (req: IncomingMessage): Promise<Arrival> => {
    const offered = offeredBy(req);
    if (offered.by === 'later') return { later: true };
    try {
      const { authorization } = offered;
      return { principal: await access.authenticate(authorization), authorization };
    } catch (error) {
      // A browser does not tell its page of a refused request, so it is told on the connection.
      if (offered.by === 'subprotocol' && isCrucibleError(error)) return { refused: error };
      throw error;
    }
  };

  const refuse = (socket: Socket, thrown: unknown): void => {
    const requestId = deps.newId('req');
    if (!isCrucibleError(thrown))
      logger.error({ err: thrown, request_id: requestId }, 'no connection came about');
    const error = isCrucibleError(thrown)
      ? thrown
      : new CrucibleError('internal', 'Something failed on our side; the log has it under the request id');
    const statuses: Readonly<Record<string, number>> = {
      unauthenticated: 401,
      forbidden: 403,
      not_found: 404,
      internal: 500,
    };
    refuseUpgrade(socket, error, { status: statuses[error.code] ?? 503, requestId });
  };

  const admit = (req: IncomingMessage): void => {
    if (closing !== undefined)
      throw new CrucibleError('overloaded', 'The server is stopping', { retryAfterMs: RETRY_AFTER_MS });
    const { origin } = req.headers;
    if (origin !== undefined && !isAllowedOrigin(origin, deps.origins)) {
      throw new CrucibleError('forbidden', 'Pages of this origin may not connect', {
        hint: 'Name the origin in cors_origins.',
      });
    }
  };

  const upgrade = async (req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> => {
    const onError = (): void => void socket.destroy();
    socket.on('error', onError);
    try {
      admit(req);
      const arrival = await arrivalOf(req);
      admit(req);
      socket.off('error', onError);
      sockets.handleUpgrade(req, socket, head, (ws) => {
        if (open.size >= limits.maxConnections) {
          ws.on('error', () => undefined);
          ws.close(CLOSE.overload, 'no connection is free');
          return;
        }
        connect(ws, req, arrival);
      });
    } catch (error) {
      refuse(socket, error);
    }
  };

  const all = (act: (connection: Connection) => void): void => {
    for (const connection of open.values()) act(connection);
  };
  const timers = [
    setInterval(() => all((one) => one.heartbeat()), limits.heartbeatMs),
    setInterval(() => all((one) => one.tick(clock.now())), limits.checkpointMs),
  ];
  for (const timer of timers) timer.unref();
  const unwatch = access.onRevoked?.((principalId) => all((one) => one.revoked(principalId)));

  const close = async (): Promise<void> => {
    for (const timer of timers) clearInterval(timer);
    // First: or what one connection has would be handed on to the next, which closes too.
    deps.agents.close();
    const gone = [...open].map(async ([ws, connection]) => {
      const closed = new Promise<void>((resolve) => {
        ws.once('close', () => resolve());
      });
      connection.close(CLOSE.restart, 'the server stops');
      await closed;
    });
    const cut = setTimeout(() => {
      for (const ws of open.keys()) ws.terminate();
    }, CLOSE_GRACE_MS);
    await Promise.all(gone);
    clearTimeout(cut);
    unwatch?.();
    fanOut.close();
  };

  const take = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Of an HTTP server without TLS these are sockets.
    void upgrade(req, socket as Socket, head);
  };

  return {
    attach(node) {
      // Node 24.9 asks this for each request; without it every `Upgrade` header, also of HTTP/2 clients that would do
      // without, would end up here. Its types know it as an option of `createServer` only.
      Object.assign(node, { shouldUpgradeCallback: isForUs });
      node.on('upgrade', take);
    },
    take(req, socket, head) {
      if (isForUs(req)) take(req, socket, head);
      else refuse(socket as Socket, new CrucibleError('not_found', 'There is no stream at this path'));
    },
    close: () => (closing ??= close()),
    figures: () => {
      const each = [...open.values()].map((one) => one.figures());
      const sum = (of: (figures: (typeof each)[number]) => number): number =>
        each.reduce((all, figures) => all + of(figures), 0);
      return {
        connections: each.length,
        subscriptions: sum(({ subscriptions }) => subscriptions),
        reading: sum(({ reading }) => reading),
        bufferedBytes: sum(({ bufferedBytes }) => bufferedBytes),
      };
    },
  };
};
