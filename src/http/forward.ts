import { Agent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CrucibleError, isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { hasBody } from './body.ts';
import { forwardedClient } from './forwarded.ts';
import { passedHeaders } from './hop-headers.ts';
import { clientOn, requestIdOn } from './requests.ts';

/** How the server that writes is reached. */
export interface Upstream {
  /** The paths of requests come behind it. `http:`, without a slash at its end. */
  readonly url: string;
  /** What lets us in, and for whom we ask (see `clientOf`). */
  readonly headers: (client: string) => Readonly<Record<string, string>>;
  /** The header of its answers that names the last commit before them. */
  readonly sequenceHeader: string;
}

export interface Forward {
  /**
   * Sends a request on as it is, and answers what comes back, once this server has seen what the request did.
   * @throws CrucibleError `log_unavailable` as long as nothing is answered; `fenced`: it has been sent on before
   */
  send(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /**
   * Begins nothing more, and refuses what has not been sent yet; what was sent may be answered for `graceMs` (default 0),
   * then it is cut off.
   */
  close(graceMs?: number): Promise<void>;
}

const PAUSE_MS = 100;
const RETRY_AFTER_MS = 1_000;

/** Thrown where the request came to nobody who could have done it. */
class NotArrived extends Error {}

/** Resolves when the connection stands; until then nothing of the request is sent. */
const connected = (sending: ClientRequest): Promise<void> =>
  new Promise((resolve, reject) => {
    sending.once('error', (cause) => reject(new NotArrived(messageOf(cause), { cause })));
    sending.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => resolve());
      else resolve();
    });
  });

const answerOf = (sending: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    sending.once('response', resolve).once('error', reject);
  });

const away = (cause: unknown): CrucibleError =>
  new CrucibleError('log_unavailable', 'The server that writes to the log cannot be reached', {
    hint: 'Nothing was changed: send the request again.',
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });

const cutOff = (cause: unknown): CrucibleError =>
  new CrucibleError('log_unavailable', 'The server that writes to the log went away before it answered', {
    hint: 'It may have been done: send it again with the same Idempotency-Key, and look first where it had none.',
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });

const sequenceIn = (value: unknown): number | undefined =>
  typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;

/**
 * Sends requests on to the server that writes: whole, credentials and all, so that there they are judged, counted and
 * done as if they had come to it.
 *
 *     connecting --no connection--> connecting, until `patienceMs` is over --> refused (nothing was changed)
 *     connecting --> sending, the body as it comes --answer begins--> waiting until this server has seen its commit
 *     waiting --> answering, the body as it comes --> done
 *     any --the client goes away--> the request upstream is cut off
 *     sending --the connection is lost--> refused (it may have been done)
 *     sending --the other process says that it does not write--> refused (nothing was changed)
 *     any end --what is left of the body--> read, and thrown away: the connection of the client goes on
 */
export const createForward = (deps: {
  readonly upstream: Upstream;
  /** Resolves when this server has seen that commit; rejects when it will not. */
  readonly untilApplied: (sequence: number) => Promise<void>;
  /** How long a request waits for a connection, ms. */
  readonly patienceMs?: number;
  readonly logger: Logger;
}): Forward => {
  const { upstream, untilApplied, logger, patienceMs = 5_000 } = deps;
  const agent = new Agent({ keepAlive: true });
  const underWay = new Set<AbortController>();
  /** Those of them that the other server has, or may have. */
  const sent = new Set<AbortController>();
  let closed = false;
  let idle = (): void => undefined;
  const own = new Set([
    upstream.sequenceHeader.toLowerCase(),
    ...Object.keys(upstream.headers('')).map((name) => name.toLowerCase()),
  ]);

  const begin = (req: IncomingMessage, res: ServerResponse, signal: AbortSignal): ClientRequest => {
    const headers = {
      ...passedHeaders(req, own),
      'x-request-id': requestIdOn(res),
      ...upstream.headers(clientOn(res)),
      // Not for every method would Node say so itself.
      ...(req.headers['transfer-encoding'] !== undefined && { 'transfer-encoding': 'chunked' }),
    };
    const path = 'originalUrl' in req ? String(req.originalUrl) : (req.url ?? '/');
    return httpRequest(`${upstream.url}${path}`, { agent, method: req.method ?? 'GET', headers, signal });
  };

  const connect = async (
    req: IncomingMessage,
    res: ServerResponse,
    signal: AbortSignal,
  ): Promise<ClientRequest> => {
    for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
      const sending = begin(req, res, signal);
      try {
        await connected(sending);
        return sending;
      } catch (error) {
        if (signal.aborted || waitedMs >= patienceMs) throw error;
        await delay(PAUSE_MS, undefined, { signal });
      }
    }
  };

  /** What was done is done, also where this server cannot follow: then its own reads say so. */
  const seen = async (value: unknown): Promise<void> => {
    const sequence = sequenceIn(value);
    if (sequence === undefined) return;
    await untilApplied(sequence).catch((error: unknown) =>
      logger.warn({ sequence, problem: messageOf(error) }, 'answered before this server has seen the commit'),
    );
  };

  const answer = async (from: IncomingMessage, res: ServerResponse, signal: AbortSignal): Promise<void> => {
    const { sequenceHeader } = upstream;
    await seen(from.headers[sequenceHeader]);
    if (res.destroyed) return;
    res.statusCode = from.statusCode ?? 502;
    for (const [name, value] of Object.entries(passedHeaders(from, own)))
      if (value !== undefined) res.setHeader(name, value);
    const pieces = async function* pieces(): AsyncGenerator<Buffer> {
      for await (const piece of from) yield piece as Buffer;
      await seen(from.trailers[sequenceHeader]);
    };
    await pipeline(pieces, res, { signal });
  };

  /** A body that its reader does not want to the end is no failure: then there is an answer. */
  const sendBody = (req: IncomingMessage, sending: ClientRequest): void => {
    if (!hasBody(req)) {
      sending.end();
      return;
    }
    req.pipe(sending);
    req.once('aborted', () => sending.destroy());
  };

  const exchange = async (
    req: IncomingMessage,
    res: ServerResponse,
    left: AbortController,
  ): Promise<void> => {
    const { signal } = left;
    const sending = await connect(req, res, signal).catch((cause: unknown) => {
      throw new NotArrived(messageOf(cause), { cause });
    });
    sent.add(left);
    const answered = answerOf(sending);
    try {
      sendBody(req, sending);
      const from = await answered;
      // Whoever has it done says so: this is the refusal of a process that does not write, or stops.
      if (sequenceIn(from.headers[upstream.sequenceHeader]) === undefined) {
        from.resume();
        throw new NotArrived(`it answers ${from.statusCode}`);
      }
      // A connection that is lost from here on shows on the answer.
      sending.on('error', () => undefined);
      await answer(from, res, signal);
    } finally {
      req.unpipe(sending);
      // What nobody read of it would stand before the next request of this connection.
      req.resume();
      if (!sending.writableFinished) sending.destroy();
    }
  };

  return {
    async send(req, res) {
      if (forwardedClient(req) !== undefined)
        throw new CrucibleError('fenced', 'This server does not write to the log any more', {
          hint: 'Send the request again.',
          retryAfterMs: RETRY_AFTER_MS,
        });
      if (closed) throw away(undefined);
      const left = new AbortController();
      const onClose = (): void => {
        if (!res.writableFinished) left.abort();
      };
      res.once('close', onClose);
      underWay.add(left);
      try {
        await exchange(req, res, left);
      } catch (error) {
        // Nobody is left to be told.
        if (res.destroyed) return;
        if (res.headersSent) {
          logger.debug({ problem: messageOf(error) }, 'the answer of the server that writes was cut off');
          res.destroy();
          return;
        }
        if (isCrucibleError(error)) throw error;
        throw error instanceof NotArrived ? away(error) : cutOff(error);
      } finally {
        res.off('close', onClose);
        underWay.delete(left);
        sent.delete(left);
        if (underWay.size === 0) idle();
      }
    },
    async close(graceMs = 0) {
      closed = true;
      for (const one of underWay) if (!sent.has(one)) one.abort();
      if (underWay.size > 0 && graceMs > 0) {
        const answered = Promise.withResolvers<void>();
        idle = answered.resolve;
        const timer = setTimeout(answered.resolve, graceMs);
        await answered.promise;
        clearTimeout(timer);
      }
      for (const one of underWay) one.abort();
      agent.destroy();
    },
  };
};
