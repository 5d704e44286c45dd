import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { RequestContext } from '../../router/context.ts';
import type { Access } from '../access/access.ts';
import type { Permission } from '../access/permission.ts';
import { worldScope } from '../access/principal.ts';
import type { Principal } from '../access/principal.ts';
import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { EventService } from '../log/event-service.ts';
import type { Idempotency } from '../log/log.ts';
import type { RateLimits } from './rate-limit.ts';
import { clientOn, setPrincipal } from './requests.ts';

/** Printable ASCII without spaces: safe in logs, headers, search attributes. */
const TOKEN = /^[\x21-\x7e]{1,128}$/;
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** W3C Trace Context: version, trace id, parent id, flags. All zeros is no id; version ff is none. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;

const one = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
};

/** The client's own id if it is harmless, else a new one. */
export const requestIdOf = (headers: IncomingHttpHeaders, newId: NewId): string => {
  const given = one(headers, 'x-request-id');
  return given !== undefined && REQUEST_ID.test(given) ? given : newId('req');
};

const token = (headers: IncomingHttpHeaders, name: string, shown: string): string | undefined => {
  const value = one(headers, name);
  if (value === undefined || TOKEN.test(value)) return value;
  throw new CrucibleError(
    'malformed_request',
    `${shown} must be 1 to 128 printable ASCII characters without spaces`,
  );
};

interface Cause {
  readonly id: string;
  readonly depth: number;
  readonly correlationId: string;
}

/** In any world of the principal's: a cause may lie in another one than its effect. */
const causeOf = async (
  headers: IncomingHttpHeaders,
  principal: Principal,
  events: Pick<EventService, 'get'>,
): Promise<Cause | undefined> => {
  const id = token(headers, 'x-crucible-causation-id', 'X-Crucible-Causation-Id');
  if (id === undefined) return undefined;
  try {
    const event = await events.get(id, principal.worlds);
    return { id: event.id, depth: event.depth, correlationId: event.correlation_id };
  } catch (error) {
    if (!isCrucibleError(error, 'not_found')) throw error;
    throw new CrucibleError(
      'invalid',
      'X-Crucible-Causation-Id names no event that these credentials can see',
      {
        hint: 'Give the id of the event that led to this request, or leave the header out.',
      },
    );
  }
};

/** The story: named by the client, or its trace's id, or that of the cause, or a new one. A broken traceparent counts as none, as W3C says. */
const correlationOf = (headers: IncomingHttpHeaders, cause: Cause | undefined, newId: NewId): string => {
  const named = token(headers, 'x-correlation-id', 'X-Correlation-Id');
  const [, trace] = TRACEPARENT.exec(one(headers, 'traceparent') ?? '') ?? [];
  return named ?? trace ?? cause?.correlationId ?? newId('cor');
};

const idempotencyKey = (headers: IncomingHttpHeaders): string | undefined => {
  const key = one(headers, 'idempotency-key');
  if (key === undefined || /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw new CrucibleError('malformed_request', 'Idempotency-Key must be 1 to 255 printable ASCII characters');
};

interface RequestFacts {
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as it came; asked for only when it has been read. */
  readonly body: () => Uint8Array;
  /** What will answer it. */
  readonly res: ServerResponse;
  /** What its calls need: one of a REST request, several of a batch. */
  readonly needed: readonly (Permission | 'public')[];
}

/**
 * Everything that the headers say, for the procedures.
 * @throws CrucibleError `unauthenticated`, `issuer_unavailable`, `rate_limited`, `forbidden` (world),
 *   `malformed_request`, `invalid` (causation)
 */
export type ContextOf = (facts: RequestFacts) => Promise<RequestContext>;

/** Too many failures of one address are told to wait instead of what was wrong. */
const authenticate = async (
  headers: IncomingHttpHeaders,
  res: ServerResponse,
  deps: { readonly access: Access; readonly limits: RateLimits },
): Promise<Principal> => {
  try {
    const principal = await deps.access.authenticate(headers.authorization);
    setPrincipal(res, principal.id);
    return principal;
  } catch (error) {
    if (isCrucibleError(error, 'unauthenticated')) await deps.limits.ofFailure(res, clientOn(res));
    throw error;
  }
};

export const createContextOf =
  (deps: {
    readonly access: Access;
    readonly events: Pick<EventService, 'get'>;
    readonly limits: RateLimits;
    readonly newId: NewId;
  }): ContextOf =>
  async ({ requestId, headers, body, res, needed }) => {
    const principal = await authenticate(headers, res, deps);
    await deps.limits.ofPrincipal(res, principal.id, needed);
    const scope = worldScope(principal, one(headers, 'x-crucible-world'));
    const key = idempotencyKey(headers);
    const cause = await causeOf(headers, principal, deps.events);
    const origin = {
      source: principal.source,
      actor: principal.actor,
      world: scope.world,
      correlation_id: correlationOf(headers, cause, deps.newId),
      causation_id: cause?.id ?? null,
      depth: cause === undefined ? 0 : cause.depth + 1,
    };
    const idempotency = (route: string): Idempotency | undefined =>
      key === undefined
        ? undefined
        : {
            scope: JSON.stringify([principal.id, scope.world, route]),
            key,
            hash: createHash('sha256').update(body()).digest('hex'),
          };
    return { requestId, caller: { principal, scope, origin }, idempotency };
  };

/** Of a request without credentials, where none are needed. */
export const anonymousContext = (requestId: string): RequestContext => ({
  requestId,
  caller: undefined,
  idempotency: () => undefined,
});
