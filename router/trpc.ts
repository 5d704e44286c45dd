import { initTRPC } from '@trpc/server';
import type { OpenApiMeta } from 'trpc-to-openapi';
import { assertPermitted } from '../src/access/principal.ts';
import type { Permission } from '../src/access/permission.ts';
import { withOrigin } from '../src/kernel/context.ts';
import { CrucibleError } from '../src/kernel/errors.ts';
import type { RequestContext } from './context.ts';
import { errorShape, toCrucibleError } from './errors.ts';

/** What stands on each procedure beside its schemas. */
export interface ProcedureMeta extends OpenApiMeta<Record<string, unknown>> {
  /** What the caller must hold; `public` is open to all. Every procedure has one: a test walks the router. */
  permission?: Permission | 'public';
  /** The status of a good answer over REST; 204 has no body. Default 200. */
  status?: 200 | 201 | 202 | 204;
  /** A POST that changes nothing more when it is repeated: it takes no Idempotency-Key. Every other one that changes something does. */
  repeatable?: true;
  /** Whether this good answer is a 202 instead: what was asked for goes on. */
  accepted?: (answer: unknown) => boolean;
  /**
   * When a server that follows another one sends on this read to the one that writes. What changes something is that
   * server's to answer in any case.
   */
  askLeader?: readonly LeaderCase[];
}

/**
 * `always`: what the server that writes has in memory is needed. `meanings`: texts are searched by meaning. `gets`,
 * `finds`: reading a memory by its id, or finding it, is told as an event.
 */
export type LeaderCase = 'always' | 'meanings' | 'gets' | 'finds';

const t = initTRPC
  .context<RequestContext>()
  .meta<ProcedureMeta>()
  .create({
    // Stacks go to the log, never to a client, whatever NODE_ENV says.
    isDev: false,
    // Pings keep proxies from ending a quiet stream, and tell a client that it is still there.
    sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 45_000 } },
    errorFormatter: ({ shape, error, ctx, path }) => ({
      ...shape,
      ...errorShape(toCrucibleError(error), { requestId: ctx?.requestId, path }),
    }),
  });

export const createTrpcRouter = t.router;

/** The first parameter of a path: the single thing that a route is about. */
const subjectOf = (meta: ProcedureMeta | undefined): string | undefined =>
  /\{(\w+)\}/.exec(meta?.openapi?.path ?? '')?.[1];

/**
 * The id or name that the path of the route names, from the input as it came: credentials may hold a permission for
 * single things. Undefined for a route about no single thing, which such credentials therefore do not open.
 */
const subjectIn = async (
  meta: ProcedureMeta | undefined,
  getRawInput: () => Promise<unknown>,
): Promise<string | undefined> => {
  const field = subjectOf(meta);
  if (field === undefined) return undefined;
  const input = await getRawInput();
  if (typeof input !== 'object' || input === null || !Object.hasOwn(input, field)) return undefined;
  const value: unknown = (input as Readonly<Record<string, unknown>>)[field];
  return typeof value === 'string' ? value : undefined;
};

/**
 * The start of every procedure: refuses callers without the permission (on the single thing that its path names, where
 * they hold it for some only), and runs the rest under the origin of the request, so that services find it by
 * `currentOrigin()`.
 */
export const requires = (permission: Permission) =>
  t.procedure.meta({ permission }).use(async ({ ctx, meta, getRawInput, next }) => {
    const { caller } = ctx;
    if (caller === undefined)
      throw new CrucibleError('unauthenticated', 'The request carries no credentials');
    const { principal } = caller;
    const subject =
      principal.limited?.has(permission) === true ? await subjectIn(meta, getRawInput) : undefined;
    assertPermitted(principal, permission, subject);
    return withOrigin(caller.origin, () => next({ ctx: { ...ctx, caller } }));
  });

/** The start of a procedure that anybody may call. */
export const openToAll = t.procedure.meta({ permission: 'public' });

interface Rest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: `/${string}`;
  readonly status?: 200 | 201 | 202 | 204;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly accepted?: (answer: unknown) => boolean;
  /** A repeat changes nothing more, by its nature. */
  readonly repeatable?: true;
  readonly askLeader?: readonly LeaderCase[];
}

/** Where a procedure stands in REST, under `/api/v1`. The error answers are added to the document for all at once. */
export const rest = ({
  method,
  path,
  status = 200,
  summary,
  description,
  tag,
  accepted,
  repeatable,
  askLeader,
}: Rest): ProcedureMeta => ({
  status,
  ...(repeatable !== undefined && { repeatable }),
  ...(accepted !== undefined && { accepted }),
  ...(askLeader !== undefined && { askLeader }),
  openapi: {
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    errorResponses: [],
  },
});
