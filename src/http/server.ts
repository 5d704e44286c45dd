import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { AppRouter } from '../../router/router.ts';
import type { Services } from '../../router/services.ts';
import type { Access } from '../access/access.ts';
import { ERROR_TITLES } from '../kernel/errors.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import { newId as freshId } from '../kernel/ids.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { createApp } from './app.ts';
import { limitArrival } from './arrival.ts';
import { mediaTypeOf } from './body.ts';
import { trackConnections } from './connections.ts';
import type { Forwarding } from './forwarding.ts';
import { createAnswerForwarded, type AnswerForwarded, type Told } from './forwarded.ts';
import type { Health } from './health.ts';
import type { HttpMetrics, MetricsAccess } from './metrics.ts';
import { createRateLimits } from './rate-limit.ts';
import type { RateRules } from './rate-limit.ts';
import { createImportStream, type ImportLimits } from './import.ts';
import { hasCode, listenOn, type Place } from './listen.ts';
import { createContextOf } from './request-context.ts';
import { withoutCredentials } from './request-log.ts';

/** How long answers without an end have to be read to the end. ms */
const STREAM_GRACE_MS = 2_000;

/**
 * The life of the server.
 *
 *     created --listen--> listening --drain--> draining --close--> closed
 *                             \---------------close-------------/
 *
 * draining: still answers everything, but `/readyz` says 503 and every answer ends its connection.
 * closed: the port is free; requests in flight were finished, or cut off when the grace time was over.
 */
export interface HttpServer {
  /** `port` 0: a free one. @throws CrucibleError `port_in_use` */
  listen(at: Place): ReturnType<typeof listenOn>;
  /** Says "not ready" from now on, so that balancers send their requests elsewhere. */
  drain(): void;
  /** Stops accepting, waits for what is in flight for at most `graceMs`, then ends every socket. Safe to call twice. */
  close(graceMs: number): Promise<void>;
  /** For the stream's upgrade requests. */
  readonly node: Server;
  /** For requests that come by way of another server, which are not among those that `close` waits for. */
  forwarded(told: Told): AnswerForwarded;
}

export interface HttpLimits {
  /** Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** For a whole request to arrive, ms. Default 60,000. */
  readonly requestTimeoutMs?: number;
  readonly import?: ImportLimits;
  /** How long an idle connection is kept, ms. Default 65,000: longer than the balancers in front. */
  readonly keepAliveMs?: number;
}

/** Who may call from where, and how often. Default: no proxies, no other origins, no limits. */
export interface Admission {
  /** How many proxies stand in front, or their addresses. */
  readonly trustProxy: number | readonly string[] | undefined;
  /** Origins of pages that may call. */
  readonly corsOrigins: readonly string[];
  readonly rates: RateRules;
}

const OPEN: Admission = {
  trustProxy: undefined,
  corsOrigins: [],
  rates: { ip: undefined, authFailures: undefined, read: undefined, write: undefined, execute: undefined },
};

export interface HttpServerDeps {
  readonly router: AppRouter;
  /** `events` to look up the event that a request names as its cause, `memory` for the streamed import. */
  readonly services: Pick<Services, 'events' | 'memory'>;
  readonly access: Access;
  readonly health: Health;
  readonly logger: Logger;
  readonly version: string;
  readonly limits?: HttpLimits;
  readonly admission?: Admission;
  readonly newId?: NewId;
  /** Absent: requests are not counted, and there is no `/metrics`. */
  readonly metrics?: { readonly http: HttpMetrics; readonly access: MetricsAccess };
  /** What another server answers; absent: nothing. */
  readonly forwarding?: Forwarding;
}

/** What never became a request has no response object: the problem is written by hand. */
const answerBrokenRequest = (error: Error, socket: Socket, newId: NewId): void => {
  if (hasCode(error, 'ECONNRESET') || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = hasCode(error, 'HPE_HEADER_OVERFLOW')
    ? 431
    : hasCode(error, 'ERR_HTTP_REQUEST_TIMEOUT')
      ? 408
      : 400;
  const code: ErrorCode = status === 431 ? 'payload_too_large' : 'malformed_request';
  const detail =
    status === 431
      ? 'The headers are too large'
      : status === 408
        ? 'The request did not arrive in time'
        : 'The request is not HTTP/1.1';
  const requestId = newId('req');
  const body = JSON.stringify({
    type: `urn:crucible:error:${code}`,
    title: ERROR_TITLES[code],
    status,
    detail,
    code,
    request_id: requestId,
  });
  socket.end(
    `HTTP/1.1 ${status} Error\r\nConnection: close\r\nX-Request-Id: ${requestId}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
};

/** The HTTP face of the product: tRPC, REST and health on one port. */
export const createHttpServer = (deps: HttpServerDeps): HttpServer => {
  const newId = deps.newId ?? freshId;
  const { limits = {}, admission = OPEN } = deps;
  const logger = withoutCredentials(deps.logger);
  const rateLimits = createRateLimits(admission.rates);
  let draining = false;
  let closing: Promise<void> | undefined;

  const importStream = createImportStream({
    memory: deps.services.memory,
    logger,
    ...(limits.import === undefined ? {} : { limits: limits.import }),
  });
  const app = createApp({
    router: deps.router,
    contextOf: createContextOf({
      access: deps.access,
      events: deps.services.events,
      limits: rateLimits,
      newId,
    }),
    limits: rateLimits,
    streams: new Map([['memory.importBatch', importStream]]),
    trustProxy: admission.trustProxy,
    corsOrigins: admission.corsOrigins,
    health: deps.health,
    logger,
    version: deps.version,
    maxBodyBytes: limits.maxBodyBytes ?? 1024 * 1024,
    newId,
    isDraining: () => draining,
    forwarding: deps.forwarding,
    metrics: deps.metrics,
  });
  const requestTimeoutMs = limits.requestTimeoutMs ?? 60_000;
  const node = createServer({
    // Of bodies `limitArrival` sees to it.
    requestTimeout: 0,
    headersTimeout: Math.min(15_000, requestTimeoutMs),
    keepAliveTimeout: limits.keepAliveMs ?? 65_000,
  });
  const connections = trackConnections(node);
  limitArrival(node, {
    timeoutMs: requestTimeoutMs,
    isStream: (req) => importStream.types.has(mediaTypeOf(req)),
  });
  node.on('request', app);
  node.on('clientError', (error, socket) => answerBrokenRequest(error, socket as Socket, newId));

  const close = async (graceMs: number): Promise<void> => {
    draining = true;
    if (!node.listening) return;
    const closed = new Promise<void>((resolve, reject) => {
      node.close((error) => (error === undefined ? resolve() : reject(error)));
    });
    connections.endWhenIdle();
    // Their source has told them to come back; one whose client reads nothing never learns of it.
    const cutStreams = setTimeout(() => connections.cutEventStreams(), Math.min(graceMs, STREAM_GRACE_MS));
    const cut = setTimeout(() => {
      logger.warn({ grace_ms: graceMs }, 'Requests were still in flight when the grace time was over');
      node.closeAllConnections();
    }, graceMs);
    try {
      await closed;
    } finally {
      clearTimeout(cutStreams);
      clearTimeout(cut);
    }
  };

  return {
    node,
    forwarded: (told) => createAnswerForwarded(app, told),
    listen: (at) => listenOn(node, at),
    drain: () => {
      draining = true;
    },
    close: (graceMs) => (closing ??= close(graceMs)),
  };
};
