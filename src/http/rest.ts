import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnyRouter } from '@trpc/server';
import type { RequestContext } from '../../router/context.ts';
import { toCrucibleError } from '../../router/errors.ts';
import { invalidInput } from '../../router/issues.ts';
import { routesOf } from '../../router/routes.ts';
import type { Route } from '../../router/routes.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { Issue } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { assertJsonContent, hasBody, mediaTypeOf, readBody } from './body.ts';
import type { Forwarding } from './forwarding.ts';
import type { BodyStream } from './import.ts';
import { logFailure } from './failure.ts';
import { parseJson, textOf } from './json-body.ts';
import { sendProblem } from './problem.ts';
import { readQuery } from './query.ts';
import { anonymousContext } from './request-context.ts';
import type { ContextOf } from './request-context.ts';
import type { RateLimits } from './rate-limit.ts';
import { clientOn, requestIdOn, setRoute } from './requests.ts';
import { createRouteTable } from './route-table.ts';

const NO_BODY = Buffer.alloc(0);

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const bodyFields = (body: Buffer): Fields => {
  if (body.length === 0) return {};
  const value = parseJson(textOf(body));
  if (isFields(value)) return value;
  throw invalidInput([{ path: '', message: 'The body must be a JSON object' }]);
};

/**
 * The one input object of a procedure. Reads take their fields from the query string, writes from the body, and both take
 * the path's; a field is never read from two places.
 */
const inputOf = (route: Route, parameters: Fields, search: URLSearchParams, body: Buffer): Fields => {
  const inBody = route.method === 'GET' ? {} : bodyFields(body);
  const takesQuery = route.method === 'GET' || route.method === 'DELETE';
  const query = readQuery(search, route.input.shape);
  const issues: Issue[] = [...query.issues];
  for (const name of Object.keys(query.fields)) {
    if (!takesQuery)
      issues.push({
        path: name,
        message: `A ${route.method} takes its fields from the body, not from the query string`,
      });
    else if (Object.hasOwn(inBody, name))
      issues.push({ path: name, message: 'This is given in the query string and in the body' });
  }
  for (const name of Object.keys(parameters)) {
    if (Object.hasOwn(inBody, name) || Object.hasOwn(query.fields, name)) {
      issues.push({ path: name, message: 'This is given by the path already' });
    }
  }
  if (issues.length > 0) throw invalidInput(issues);
  return { ...inBody, ...query.fields, ...parameters };
};

type Call = (options: {
  readonly ctx: RequestContext;
  readonly path: string;
  readonly type: string;
  readonly input: unknown;
  readonly getRawInput: () => Promise<unknown>;
  readonly signal: undefined;
  readonly batchIndex: number;
}) => Promise<unknown>;

/** Calls the procedure as tRPC itself does: its input and output schemas, its permission and origin all apply. */
const call = (route: Route, ctx: RequestContext, input: unknown): Promise<unknown> =>
  // A procedure is a function; tRPC hides that in its types, because a client must not call one.
  (route.procedure as unknown as Call)({
    ctx,
    path: route.name,
    type: route.type,
    input,
    getRawInput: () => Promise.resolve(input),
    signal: undefined,
    batchIndex: 0,
  });

const sendJson = (res: ServerResponse, status: number, value: unknown): void => {
  res.statusCode = status;
  if (status === 204) {
    res.end();
    return;
  }
  const body = Buffer.from(JSON.stringify(value), 'utf8');
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', body.length);
  res.end(body);
};

/** REST over the router: answers every request under its mount, good or bad. */
export const createRestHandler = (deps: {
  readonly router: AnyRouter;
  readonly contextOf: ContextOf;
  readonly limits: RateLimits;
  /** By the names of procedures: bodies of another kind, answered in another way. */
  readonly streams: ReadonlyMap<string, BodyStream>;
  readonly maxBodyBytes: number;
  readonly forwarding?: Forwarding | undefined;
  readonly logger: Logger;
}): ((req: IncomingMessage, res: ServerResponse) => Promise<void>) => {
  const find = createRouteTable(routesOf(deps.router));

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    await deps.limits.ofAddress(res, clientOn(res), 1);
    const [path = '/', search = ''] = (req.url ?? '/').split(/\?(.*)/s, 2);
    const match = find(req.method ?? 'GET', path);
    if (match.kind === 'none') {
      throw new CrucibleError('not_found', 'There is nothing at this path', {
        hint: 'GET /api/v1/openapi.json lists every path.',
      });
    }
    if (match.kind === 'malformed')
      throw new CrucibleError('malformed_request', 'The path is not percent-encoded UTF-8');
    if (match.kind === 'method') {
      res.setHeader('Allow', match.allow.join(', '));
      if (req.method === 'OPTIONS') {
        sendJson(res, 204, undefined);
        return;
      }
      throw new CrucibleError('method_not_allowed', `${req.method ?? ''} is not allowed here`, {
        hint: `Allowed: ${match.allow.join(', ')}.`,
      });
    }
    const { route } = match;
    setRoute(res, `/api/v1${route.path}`);
    if (deps.forwarding?.isForLeader(route.procedure) === true) {
      await deps.forwarding.send(req, res);
      return;
    }
    const requestId = requestIdOn(res);
    let body: Buffer = NO_BODY;
    // Credentials are judged before anything is read on their behalf.
    const ctx =
      route.permission === 'public'
        ? anonymousContext(requestId)
        : await deps.contextOf({
            requestId,
            headers: req.headers,
            body: () => body,
            res,
            needed: [route.permission],
          });
    const stream = deps.streams.get(route.name);
    if (stream?.types.has(mediaTypeOf(req)) === true) {
      await stream.answer(ctx, req, res);
      return;
    }
    if (route.method !== 'GET' && hasBody(req)) {
      assertJsonContent(req);
      body = await readBody(req, deps.maxBodyBytes);
    }
    const input = inputOf(route, match.parameters, new URLSearchParams(search), body);
    const good = await call(route, ctx, input);
    sendJson(res, route.accepted?.(good) === true ? 202 : route.status, good);
  };

  return async (req, res) => {
    try {
      await answer(req, res);
    } catch (thrown) {
      const error = toCrucibleError(thrown);
      logFailure(deps.logger, error, { requestId: requestIdOn(res), method: req.method, path: req.url });
      sendProblem(res, error, requestIdOn(res));
    }
  };
};
