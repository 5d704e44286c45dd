import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import type { AnyRouter } from '@trpc/server';
import helmet from 'helmet';
import { assertPermitted } from '../access/principal.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { clientOf } from './address.ts';
import type { BodyStream } from './import.ts';
import { createCors } from './cors.ts';
import { logFailure } from './failure.ts';
import type { Forwarding } from './forwarding.ts';
import { forwardedClient } from './forwarded.ts';
import { answerHealthz, answerReadyz } from './health.ts';
import type { Health } from './health.ts';
import type { HttpMetrics, MetricsAccess } from './metrics.ts';
import { sendProblem } from './problem.ts';
import { requestIdOf } from './request-context.ts';
import type { ContextOf } from './request-context.ts';
import type { RateLimits } from './rate-limit.ts';
import { createRequestLog } from './request-log.ts';
import { clientOn, requestIdOn, setRequest, setRoute } from './requests.ts';
import { createRestHandler } from './rest.ts';
import { createSwagger } from './swagger.ts';
import { createTrpcHandler } from './trpc.ts';

export interface AppDeps {
  readonly router: AnyRouter;
  readonly contextOf: ContextOf;
  readonly limits: RateLimits;
  readonly streams: ReadonlyMap<string, BodyStream>;
  /** How many proxies stand in front, or their addresses; undefined: none. */
  readonly trustProxy: number | readonly string[] | undefined;
  /** Origins of pages that may call. */
  readonly corsOrigins: readonly string[];
  readonly health: Health;
  readonly logger: Logger;
  readonly version: string;
  readonly maxBodyBytes: number;
  /** What another server answers; undefined: nothing. */
  readonly forwarding: Forwarding | undefined;
  readonly newId: NewId;
  readonly isDraining: () => boolean;
  readonly metrics: { readonly http: HttpMetrics; readonly access: MetricsAccess } | undefined;
}

/**
 * Nothing here is a page, nothing may be framed or guessed at. What is a page says its own policy, without inline script.
 * Strict-Transport-Security is for whoever ends TLS in front: it binds a whole domain, which is not ours to decide.
 */
const securityHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  xFrameOptions: { action: 'deny' },
  strictTransportSecurity: false,
});

/** What Express and its parts throw carries a status; what we did not foresee does not, and is our fault. */
const fromExpress = (thrown: unknown): CrucibleError => {
  if (isCrucibleError(thrown)) return thrown;
  const status = thrown instanceof Error && 'status' in thrown ? thrown.status : undefined;
  if (status === 413)
    return new CrucibleError('payload_too_large', 'The request is too large', { cause: thrown });
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new CrucibleError('malformed_request', 'The request could not be read', { cause: thrown });
  }
  return new CrucibleError('internal', 'Something failed on our side; the log has it under the request id', {
    cause: thrown,
  });
};

const readOnly = (req: Request, res: Response): boolean => {
  if (req.method === 'GET' || req.method === 'HEAD') return true;
  res.setHeader('Allow', 'GET, HEAD');
  sendProblem(
    res,
    new CrucibleError('method_not_allowed', `${req.method} is not allowed here`),
    requestIdOn(res),
  );
  return false;
};

/** @throws CrucibleError `unauthenticated`, `forbidden`, `rate_limited` */
const assertMayRead = async (
  req: Request,
  res: Response,
  { contextOf, limits }: Pick<AppDeps, 'contextOf' | 'limits'>,
): Promise<void> => {
  await limits.ofAddress(res, clientOn(res), 1);
  const { caller } = await contextOf({
    requestId: requestIdOn(res),
    headers: req.headers,
    body: () => Buffer.alloc(0),
    res,
    needed: ['system:read'],
  });
  if (caller === undefined) throw new CrucibleError('unauthenticated', 'The request carries no credentials');
  assertPermitted(caller.principal, 'system:read', undefined);
};

/** The Express application: health at the root, tRPC at `/trpc`, REST at `/api/v1`, problems everywhere else. */
export const createApp = (deps: AppDeps): Express => {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');

  const { trustProxy = false } = deps;
  app.set('trust proxy', typeof trustProxy === 'object' ? [...trustProxy] : trustProxy);

  app.use((req: Request, res: Response, next: NextFunction) => {
    setRequest(res, {
      id: requestIdOf(req.headers, deps.newId),
      client: forwardedClient(req) ?? clientOf(req.ip),
    });
    res.setHeader('Cache-Control', 'no-store');
    if (deps.isDraining()) res.setHeader('Connection', 'close');
    next();
  });
  app.use(createRequestLog(deps.logger), securityHeaders);
  const { metrics } = deps;
  if (metrics !== undefined) app.use(metrics.http.observe);
  app.use(['/api/v1', '/trpc'], createCors(deps.corsOrigins));
  const swagger = createSwagger(deps);
  app.use('/api/v1/docs', (req: Request, res: Response) =>
    readOnly(req, res) ? swagger(req, res) : undefined,
  );
  app.use('/api/v1', createRestHandler(deps));
  app.use('/trpc', createTrpcHandler(deps));
  app.all('/healthz', (req: Request, res: Response) => {
    setRoute(res, '/healthz');
    if (readOnly(req, res)) answerHealthz(res, deps.version);
  });
  app.all('/readyz', (req: Request, res: Response) => {
    setRoute(res, '/readyz');
    // Express 5 awaits what a handler returns.
    return readOnly(req, res) ? answerReadyz(res, deps.health, deps.isDraining()) : undefined;
  });
  if (metrics !== undefined && metrics.access !== 'off') {
    const answer = async (req: Request, res: Response): Promise<void> => {
      if (metrics.access === 'key') await assertMayRead(req, res, deps);
      await metrics.http.answer(res);
    };
    app.all('/metrics', (req: Request, res: Response) => {
      setRoute(res, '/metrics');
      return readOnly(req, res) ? answer(req, res) : undefined;
    });
  }
  app.use((_req: Request, res: Response) => {
    sendProblem(
      res,
      new CrucibleError('not_found', 'There is nothing at this path', { hint: 'The API is under /api/v1.' }),
      requestIdOn(res),
    );
  });
  // Express knows an error handler by its four parameters.
  app.use((thrown: unknown, req: Request, res: Response, _next: NextFunction) => {
    const error = fromExpress(thrown);
    logFailure(deps.logger, error, { requestId: requestIdOn(res), method: req.method, path: req.path });
    sendProblem(res, error, requestIdOn(res));
  });
  return app;
};
