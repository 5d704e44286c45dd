import type { ServerResponse } from 'node:http';
import type { AnyRouter } from '@trpc/server';
import { createExpressMiddleware } from '@trpc/server/adapters/express';
import type { NextFunction, Request, Response } from 'express';
import { errorShape, toCrucibleError } from '../../router/errors.ts';
import { metaOf, proceduresOf } from '../../router/routes.ts';
import type { Permission } from '../access/permission.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { assertJsonContent, hasBody, readBody } from './body.ts';
import type { Forwarding } from './forwarding.ts';
import { logFailure } from './failure.ts';
import { parseJson, textOf } from './json-body.ts';
import { anonymousContext } from './request-context.ts';
import type { ContextOf } from './request-context.ts';
import { setErrorHeaders } from './problem.ts';
import type { RateLimits } from './rate-limit.ts';
import { clientOn, requestIdOn, setRoute } from './requests.ts';
import { STATUS } from './status.ts';

const NO_BODY = Buffer.alloc(0);
/** Calls in one request. */
const MAX_BATCH = 50;

/** What the client's links understand, also for what is refused before tRPC sees it. */
const sendError = (res: ServerResponse, error: CrucibleError): void => {
  const body = JSON.stringify({ error: errorShape(error, { requestId: requestIdOn(res), path: undefined }) });
  res.statusCode = STATUS[error.code];
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  setErrorHeaders(res, error);
  res.end(body);
};

/**
 * The procedures that a path names, as tRPC reads it: decoded, then split, so that an encoded comma parts calls too. Of a
 * path that cannot be decoded tRPC says so itself.
 */
const callsIn = (path: string): readonly string[] => {
  const names = path.slice(path.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(names).split(',');
  } catch {
    return [names];
  }
};

/** Several calls in one request cannot share one key: the second would be a repeat of the first. */
const assertOneCall = (req: Request, calls: readonly string[]): void => {
  if (req.headers['idempotency-key'] === undefined || calls.length < 2) return;
  throw new CrucibleError('malformed_request', 'Idempotency-Key needs a request of one call', {
    hint: 'Use httpLink instead of httpBatchLink for calls that carry a key.',
  });
};

/** tRPC at its mount, behind the same limits and the same reading of JSON as REST. */
export const createTrpcHandler = (deps: {
  readonly router: AnyRouter;
  readonly contextOf: ContextOf;
  readonly limits: RateLimits;
  readonly maxBodyBytes: number;
  readonly forwarding?: Forwarding | undefined;
  readonly logger: Logger;
}) => {
  const procedures = proceduresOf(deps.router);
  /** What nobody has costs what a read costs. */
  const neededBy = (name: string): Permission | 'public' => {
    const procedure = procedures.get(name);
    return (procedure === undefined ? undefined : metaOf(procedure).permission) ?? 'public';
  };
  const isForLeader = (name: string): boolean => {
    const procedure = procedures.get(name);
    return procedure !== undefined && deps.forwarding?.isForLeader(procedure) === true;
  };
  const contexts = new WeakMap<object, Awaited<ReturnType<ContextOf>>>();
  const middleware = createExpressMiddleware({
    router: deps.router,
    // Reads with long filters come as POST, so that they need not fit into a URL.
    allowMethodOverride: true,
    maxBatchSize: MAX_BATCH,
    createContext: ({ req, res }) => contexts.get(req) ?? anonymousContext(requestIdOn(res)),
    onError: ({ error, path, ctx, req }) =>
      logFailure(deps.logger, toCrucibleError(error), {
        requestId: (ctx as { requestId?: string } | undefined)?.requestId ?? 'unknown',
        method: req.method,
        path,
      }),
  });

  return async (req: Request, res: Response, next: NextFunction): Promise<void> => {
    try {
      let body: Buffer = NO_BODY;
      const calls = callsIn(req.path);
      const [only = ''] = calls;
      // Batches are counted together: there are as many as there are combinations.
      setRoute(res, calls.length === 1 && procedures.has(only) ? `/trpc/${only}` : '/trpc');
      // Each call counts, also where they share a request.
      await deps.limits.ofAddress(res, clientOn(res), Math.min(calls.length, MAX_BATCH));
      if (calls.some(isForLeader) && deps.forwarding !== undefined) {
        await deps.forwarding.send(req, res);
        return;
      }
      const anonymous = req.headers.authorization === undefined;
      const requestId = requestIdOn(res);
      const ctx = anonymous
        ? anonymousContext(requestId)
        : await deps.contextOf({
            requestId,
            headers: req.headers,
            body: () => body,
            res,
            needed: calls.slice(0, MAX_BATCH).map(neededBy),
          });
      assertOneCall(req, calls);
      if (req.method === 'POST' && hasBody(req)) {
        assertJsonContent(req);
        body = await readBody(req, deps.maxBodyBytes);
        const text = textOf(body);
        parseJson(text);
        // tRPC takes a text as the body that it has read.
        req.body = text;
      }
      // Queries may bring their input in the URL; it is read as strictly as a body.
      const inputs = new URLSearchParams(req.url.split('?')[1] ?? '').getAll('input');
      for (const input of inputs) parseJson(input);
      contexts.set(req, ctx);
    } catch (thrown) {
      const error = toCrucibleError(thrown);
      logFailure(deps.logger, error, { requestId: requestIdOn(res), method: req.method, path: req.path });
      sendError(res, error);
      return;
    }
    middleware(req, res, next);
  };
};
