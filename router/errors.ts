import { TRPCError } from '@trpc/server';
import type { TRPC_ERROR_CODE_KEY } from '@trpc/server';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import type { TRPC_ERROR_CODE_NUMBER } from '@trpc/server/rpc';
import { getHTTPStatusCodeFromError } from '@trpc/server/http';
import { ZodError } from 'zod';
import { CrucibleError, isCrucibleError } from '../src/kernel/errors.ts';
import type { ErrorCode, Issue } from '../src/kernel/errors.ts';
import { invalidInput, issuesOf } from './issues.ts';

/** The nearest word of tRPC's for each of our codes. Exhaustive: a new code does not compile without one. */
const TRPC_CODES: Record<ErrorCode, TRPC_ERROR_CODE_KEY> = {
  malformed_request: 'BAD_REQUEST',
  bad_cursor: 'BAD_REQUEST',
  unauthenticated: 'UNAUTHORIZED',
  forbidden: 'FORBIDDEN',
  reserved_type: 'FORBIDDEN',
  not_found: 'NOT_FOUND',
  method_not_allowed: 'METHOD_NOT_SUPPORTED',
  conflict: 'CONFLICT',
  already_exists: 'CONFLICT',
  managed_by_file: 'CONFLICT',
  expectation_failed: 'CONFLICT',
  idempotency_in_flight: 'CONFLICT',
  idempotency_key_reused: 'UNPROCESSABLE_CONTENT',
  position_expired: 'NOT_FOUND',
  epoch_changed: 'NOT_FOUND',
  payload_too_large: 'PAYLOAD_TOO_LARGE',
  unsupported_media_type: 'UNSUPPORTED_MEDIA_TYPE',
  invalid: 'UNPROCESSABLE_CONTENT',
  unknown_event_type: 'UNPROCESSABLE_CONTENT',
  schema_mismatch: 'UNPROCESSABLE_CONTENT',
  egress_denied: 'UNPROCESSABLE_CONTENT',
  rate_limited: 'TOO_MANY_REQUESTS',
  overloaded: 'SERVICE_UNAVAILABLE',
  log_unavailable: 'SERVICE_UNAVAILABLE',
  issuer_unavailable: 'SERVICE_UNAVAILABLE',
  embeddings_unavailable: 'SERVICE_UNAVAILABLE',
  fenced: 'SERVICE_UNAVAILABLE',
  internal: 'INTERNAL_SERVER_ERROR',
  config_invalid: 'INTERNAL_SERVER_ERROR',
  data_dir_locked: 'INTERNAL_SERVER_ERROR',
  store_too_new: 'INTERNAL_SERVER_ERROR',
  port_in_use: 'INTERNAL_SERVER_ERROR',
  temporal_not_found: 'INTERNAL_SERVER_ERROR',
  temporal_checksum: 'INTERNAL_SERVER_ERROR',
  temporal_platform: 'INTERNAL_SERVER_ERROR',
  temporal_unavailable: 'SERVICE_UNAVAILABLE',
};

/** What tRPC itself refuses, before one of our procedures is reached. */
const OUR_CODES: Partial<Record<TRPC_ERROR_CODE_KEY, ErrorCode>> = {
  PARSE_ERROR: 'malformed_request',
  BAD_REQUEST: 'malformed_request',
  UNAUTHORIZED: 'unauthenticated',
  FORBIDDEN: 'forbidden',
  NOT_FOUND: 'not_found',
  METHOD_NOT_SUPPORTED: 'method_not_allowed',
  CONFLICT: 'conflict',
  PAYLOAD_TOO_LARGE: 'payload_too_large',
  UNSUPPORTED_MEDIA_TYPE: 'unsupported_media_type',
  UNPROCESSABLE_CONTENT: 'invalid',
  TOO_MANY_REQUESTS: 'rate_limited',
};

const internal = (cause: unknown): CrucibleError =>
  new CrucibleError('internal', 'Something failed on our side; the log has it under the request id', {
    cause,
  });

/**
 * Whatever a procedure threw, as the domain's error. What we did not foresee becomes `internal`: its message stays in
 * `cause`, for the log, and reaches no client.
 */
export const toCrucibleError = (thrown: unknown): CrucibleError => {
  if (isCrucibleError(thrown)) return thrown;
  if (!(thrown instanceof TRPCError)) return internal(thrown);
  if (isCrucibleError(thrown.cause)) return thrown.cause;
  // Only the input's own check is the caller's fault: an output that does not fit is an INTERNAL_SERVER_ERROR.
  if (thrown.code === 'BAD_REQUEST' && thrown.cause instanceof ZodError)
    return invalidInput(issuesOf(thrown.cause.issues));
  const code = OUR_CODES[thrown.code];
  return code === undefined ? internal(thrown) : new CrucibleError(code, thrown.message, { cause: thrown });
};

/** What a tRPC client finds in `error.data`. A type, not an interface: tRPC infers the client's error from a record. */
export type ErrorShapeData = {
  readonly code: ErrorCode;
  readonly httpStatus: number;
  readonly hint?: string;
  readonly errors?: readonly Issue[];
  readonly retry_after_ms?: number;
  readonly request_id?: string;
  readonly path?: string;
};

/** The body of `error.data`: the same code, hint and issues that REST answers. */
const errorShapeData = (
  error: CrucibleError,
  request: { readonly requestId: string | undefined; readonly path: string | undefined },
): ErrorShapeData => ({
  code: error.code,
  httpStatus: getHTTPStatusCodeFromError(new TRPCError({ code: TRPC_CODES[error.code] })),
  ...(error.hint === undefined ? {} : { hint: error.hint }),
  ...(error.issues.length === 0 ? {} : { errors: error.issues }),
  ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
  ...(request.requestId === undefined ? {} : { request_id: request.requestId }),
  ...(request.path === undefined ? {} : { path: request.path }),
});

/** The whole `error` of a tRPC answer (JSON-RPC 2.0). */
export const errorShape = (
  error: CrucibleError,
  request: { readonly requestId: string | undefined; readonly path: string | undefined },
): { readonly code: TRPC_ERROR_CODE_NUMBER; readonly message: string; readonly data: ErrorShapeData } => ({
  code: TRPC_ERROR_CODES_BY_KEY[TRPC_CODES[error.code]],
  message: error.message,
  data: errorShapeData(error, request),
});
