import { Agent } from 'undici';
import { CrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { createConnector } from './connect.ts';
import type { Egress, EgressPolicy, EgressResponse } from './egress.ts';
import { aborted, badRequest, denied } from './failures.ts';
import { createExchange } from './exchange.ts';
import { createGuard } from './guard.ts';
import type { Judged } from './guard.ts';
import { createPlaces } from './places.ts';
import { prepareRequest } from './request.ts';
import { sharing, systemResolve } from './resolve.ts';
import type { Resolve } from './resolve.ts';

export interface EgressDeps {
  readonly policy: EgressPolicy;
  readonly logger: Logger;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
  /** At most this many requests, and connections, to one origin; further ones wait, within their own deadline. Default 64. */
  readonly connectionsPerOrigin?: number;
  /** For resolving, connecting and TLS together, ms. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** An idle connection is kept this long, ms. Default 4,000, less than what servers usually allow. */
  readonly keepAliveMs?: number;
  /** Certificate authorities to trust instead of Node's own, PEM. */
  readonly ca?: readonly string[];
  /** A clock that only goes forward, ms, for durations. Default: `performance.now`. */
  readonly monotonicMs?: () => number;
}

const MAX_RESPONSE_BYTES = 64 * 1024;
const MAX_RESPONSE_HEADER_BYTES = 16 * 1024;

/**
 * The one guarded HTTP client: HTTP/1.1, no redirects, no proxies, whatever the environment says. A response is given
 * for any status; everything else is an `EgressError` that says whose fault it is and whether asking again can help.
 * @throws CrucibleError `config_invalid` for a policy that cannot be read
 */
export const createEgress = (deps: EgressDeps): Egress => {
  const guard = createGuard(deps.policy);
  const resolve = sharing(deps.resolve ?? systemResolve);
  const { logger } = deps;
  const monotonicMs = deps.monotonicMs ?? ((): number => performance.now());
  const underWay = new Set<(reason: string) => void>();
  const connectionsPerOrigin = deps.connectionsPerOrigin ?? 64;
  const places = createPlaces(connectionsPerOrigin);
  let closed = false;

  const agent = new Agent({
    allowH2: false,
    pipelining: 1,
    connections: connectionsPerOrigin,
    keepAliveTimeout: deps.keepAliveMs ?? 4_000,
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    // One deadline rules each exchange (exchange.ts); undici's own would only answer differently.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: createConnector({
      guard,
      resolve,
      connectTimeoutMs: deps.connectTimeoutMs ?? 10_000,
      ca: deps.ca,
    }),
  });

  const deniedAs = (judged: Judged<unknown> & { ok: false }): CrucibleError =>
    new CrucibleError('egress_denied', `This address may not be reached from here: ${judged.reason}`, {
      hint: judged.hint,
    });

  return {
    async request(request): Promise<EgressResponse> {
      if (closed) throw aborted('this side is shutting down');
      if (request.signal?.aborted === true) throw aborted('the request was called off before it was sent');
      const judged = guard.judgeUrl(request.url);
      if (!judged.ok) {
        logger.debug({ reason: judged.reason }, 'egress denied');
        throw denied(judged.reason, judged.hint);
      }
      const prepared = prepareRequest(request);
      const { url, hostname } = judged.value;
      const exchange = createExchange({
        hostname,
        timeoutMs: request.timeoutMs,
        maxResponseBytes: request.maxResponseBytes ?? MAX_RESPONSE_BYTES,
        monotonicMs,
      });
      const cancel = (reason: string): void => exchange.cancel(aborted(reason));
      const onAbort = (): void => cancel('the request was called off');
      request.signal?.addEventListener('abort', onAbort, { once: true });
      underWay.add(cancel);
      const place = places.take(url.origin, () => {
        try {
          agent.dispatch(
            {
              origin: url.origin,
              path: `${url.pathname}${url.search}`,
              method: prepared.method,
              headers: prepared.headers,
              body: prepared.body,
            },
            exchange.handler,
          );
        } catch (error) {
          // undici throws at once for what it will not send; everything later comes through the handler.
          exchange.cancel(badRequest('the request could not be sent as it is', error));
        }
      });
      try {
        return await exchange.response;
      } finally {
        place.leave();
        underWay.delete(cancel);
        request.signal?.removeEventListener('abort', onAbort);
      }
    },

    async check(text): Promise<void> {
      const judged = guard.judgeUrl(text);
      if (!judged.ok) throw deniedAs(judged);
      const { hostname, port, literal } = judged.value;
      if (literal) return;
      let addresses: readonly string[];
      try {
        addresses = await resolve(hostname);
      } catch (error) {
        // A name may get its address later; what it is then is checked when it is connected to.
        logger.debug(
          { hostname, error: error instanceof Error ? error.message : String(error) },
          'name not resolved at check',
        );
        return;
      }
      const verdict = guard.judgeAddresses(hostname, port, addresses);
      if (!verdict.ok) throw deniedAs(verdict);
    },

    async close(): Promise<void> {
      closed = true;
      underWay.forEach((cancel) => cancel('this side is shutting down'));
      await agent.destroy();
    },
  };
};
