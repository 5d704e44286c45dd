import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AgentAnswer } from '../../activities/agent/index.ts';
import { hashKey, sameHash } from '../access/key-format.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import { listenAt, type Place } from '../kernel/listen.ts';
import type { Logger } from '../kernel/logger.ts';
import { decodeCall } from './agent-codec.ts';
import { decodeGroup, type AppendAnswer } from './append-codec.ts';
import { readJson } from './body.ts';
import { encodeError } from './error-codec.ts';
import { createFeedLines } from './feed-codec.ts';
import { refuseSocket, sendProblem } from './problem.ts';
import { HEADERS, MAX_HEADER_BYTES, PATHS } from './protocol.ts';
import { serveCommits } from './serve-commits.ts';
import { createServedPlaces, type ServedPlaces } from './serve-drains.ts';
import { isForwarded, unwrap } from './serve-forward.ts';
import type { LeaderServices } from './services.ts';

/** What is left to finish when the server closes has so long. ms */
const CLOSE_GRACE_MS = 2_000;
const STALL_MS = 10_000;
const ALIVE_MS = 1_000;
const KEEP_ALIVE_MS = { idle: 65_000, probeAfter: 10_000 };
const RETRY_AFTER_MS = 1_000;

/**
 * The listener for the other processes of the installation.
 *
 *     created --listen--> listening --open--> serving --close--> closed
 *                             \----------------close---------/
 *
 * listening: whoever has the key is told that this process does not write (yet), as `fenced`. So its address can be told
 * with the lease before anything is composed.
 * closed: feeds and places have ended, calls are aborted; appends and forwarded requests were finished, or cut off when
 * the grace time was over.
 */
export interface InternalServer {
  /** `port` 0: a free one. @throws CrucibleError `port_in_use` */
  listen(at: Place): Promise<{ readonly url: string; readonly port: number }>;
  open(services: LeaderServices): void;
  /** Safe to call twice. */
  close(graceMs?: number): Promise<void>;
}

export interface InternalServerDeps {
  /** What every request must carry. */
  readonly key: string;
  readonly logger: Logger;
  /** How long a reader may take nothing before it is cut off, ms. Default 10 s. */
  readonly stallMs?: number;
  /** How often who holds a place is told that we are here, ms. Default 1 s. */
  readonly aliveMs?: number;
}

interface Serving extends LeaderServices {
  readonly places: ServedPlaces;
}

const STOPPING: AgentAnswer = {
  kind: 'none',
  code: 'stopping',
  message: 'The server was stopping',
  ours: true,
};

const notServing = (): CrucibleError =>
  new CrucibleError('fenced', 'This process does not write the log', {
    hint: 'Ask the store which process does.',
    retryAfterMs: RETRY_AFTER_MS,
  });

const stopping = (): CrucibleError =>
  new CrucibleError('log_unavailable', 'The process that writes is stopping', {
    retryAfterMs: RETRY_AFTER_MS,
  });

const ours = (error: unknown): CrucibleError =>
  isCrucibleError(error) ? error : new CrucibleError('internal', encodeError(error).message);

export const createInternalServer = (deps: InternalServerDeps): InternalServer => {
  const { logger } = deps;
  const keyHash = hashKey(deps.key);
  const lineOf = createFeedLines();
  /** What goes on until one of the two sides ends it. */
  const lasting = new Set<AbortController>();
  const upgraded = new Set<Duplex>();
  let services: Serving | undefined;
  let closing: Promise<void> | undefined;

  /** Aborted when the answer is over, or the server closes. */
  const lastingSignal = (res: ServerResponse): AbortSignal => {
    const controller = new AbortController();
    lasting.add(controller);
    res.once('close', () => {
      lasting.delete(controller);
      controller.abort();
    });
    return controller.signal;
  };

  /** @throws CrucibleError `unauthenticated`, `fenced`, `log_unavailable` */
  const admit = (req: IncomingMessage): Serving => {
    const key = req.headers[HEADERS.key];
    // Hashes are compared, so that neither the time nor the length tells anything of the key.
    if (typeof key !== 'string' || !sameHash(hashKey(key), keyHash)) {
      throw new CrucibleError('unauthenticated', 'The internal key is missing or another one', {
        hint: 'All processes of an installation need the same CRUCIBLE_INTERNAL_KEY.',
      });
    }
    if (services === undefined) throw notServing();
    if (closing !== undefined) throw stopping();
    return services;
  };

  const sendJson = (res: ServerResponse, body: unknown): void => {
    const text = JSON.stringify(body);
    res.setHeader('Content-Type', 'application/json');
    res.setHeader('Content-Length', Buffer.byteLength(text));
    res.end(text);
  };

  const append = async (req: IncomingMessage, res: ServerResponse, its: Serving): Promise<void> => {
    const requests = decodeGroup(await readJson(req));
    const answers = await Promise.all(
      // All in this turn, and so in the order of the request.
      requests.map(async (sent): Promise<AppendAnswer> => {
        try {
          return { result: await its.appends.append(sent) };
        } catch (error) {
          if (!isCrucibleError(error)) logger.error({ err: error }, 'an append of another process failed');
          return { error: encodeError(error) };
        }
      }),
    );
    sendJson(res, { answers });
  };

  const call = async (req: IncomingMessage, res: ServerResponse, its: Serving): Promise<void> => {
    const { address, call: asked } = decodeCall(await readJson(req));
    const answer = await its.agents.call(address, { ...asked, signal: lastingSignal(res) });
    // It was we who aborted it.
    sendJson(res, { answer: closing === undefined ? answer : STOPPING });
  };

  const route = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const its = admit(req);
    if (req.headers.expect !== undefined) res.writeContinue();
    if (isForwarded(req)) {
      its.forward(req, res, unwrap(req));
      return;
    }
    const [pathname = '', query] = (req.url ?? '').split('?');
    const is = (method: string, path: string): boolean => {
      if (pathname !== path) return false;
      if (req.method === method) return true;
      throw new CrucibleError('method_not_allowed', `${path} takes ${method}`);
    };
    if (is('GET', PATHS.serving)) sendJson(res, {});
    else if (is('GET', PATHS.commits)) {
      await serveCommits(new URLSearchParams(query), res, {
        follow: its.feed.follow,
        lineOf,
        signal: lastingSignal(res),
        stallMs: deps.stallMs ?? STALL_MS,
      });
    } else if (is('POST', PATHS.append)) await append(req, res, its);
    else if (is('POST', PATHS.take)) await its.places.take(await readJson(req), res, lastingSignal(res));
    else if (is('POST', PATHS.call)) await call(req, res, its);
    else if (req.method === 'POST' && pathname.startsWith(PATHS.drains)) {
      const [place = '', question = ''] = pathname.slice(PATHS.drains.length).split('/');
      sendJson(res, await its.places.ask(place, question, await readJson(req)));
    } else throw new CrucibleError('not_found', 'There is no such path on this listener');
  };

  const onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    route(req, res).catch((error: unknown) => {
      if (!isCrucibleError(error))
        logger.error({ err: error, path: req.url }, 'a request of another process failed');
      sendProblem(res, ours(error));
    });
    res.once('close', () => {
      if (closing !== undefined) node.closeIdleConnections();
    });
  };

  const onUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    // Whoever takes it has a word of its own for that; until then nobody has.
    socket.on('error', () => socket.destroy());
    try {
      const its = admit(req);
      if (!isForwarded(req) || its.upgrade === undefined)
        throw new CrucibleError('not_found', 'There is no such path for connections on this listener');
      its.upgrade(req, socket, head, unwrap(req));
    } catch (error) {
      if (!isCrucibleError(error)) logger.error({ err: error }, 'a connection of another process failed');
      refuseSocket(socket, ours(error));
    }
  };

  const node = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: 15_000,
      // Forwarded bodies take as long as those who send them; the others are limited where they are read.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS.idle,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS.probeAfter,
    },
    onRequest,
  );
  node.on('checkContinue', onRequest);
  node.on('upgrade', onUpgrade);

  const close = async (graceMs: number): Promise<void> => {
    for (const controller of lasting) controller.abort();
    if (!node.listening) return;
    const closed = new Promise<void>((resolve) => {
      node.close(() => resolve());
    });
    node.closeIdleConnections();
    const cut = setTimeout(() => {
      node.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(cut);
  };

  return {
    listen: (at) => listenAt(node, at, 'CRUCIBLE_INTERNAL_PORT'),
    open: (given) => {
      services = {
        ...given,
        places: createServedPlaces({
          drains: given.drains,
          aliveMs: deps.aliveMs ?? ALIVE_MS,
          stallMs: deps.stallMs ?? STALL_MS,
        }),
      };
    },
    close: (graceMs = CLOSE_GRACE_MS) => (closing ??= close(graceMs)),
  };
};
