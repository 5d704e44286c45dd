import { EgressError } from './egress.ts';

type Code = EgressError['code'];

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Out of file handles, memory or ports: this machine's trouble, whoever was asked. */
const OURS = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EADDRNOTAVAIL',
  'ENETDOWN',
  'ENETUNREACH',
  'EACCES',
  'EPERM',
]);
const RESET = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET']);

const make = (code: Code, message: string, cause: unknown, ours = false): EgressError =>
  new EgressError(code, message, { final: false, ours, cause });

export const denied = (reason: string, hint: string): EgressError =>
  new EgressError('egress_denied', `${reason}. ${hint}`, { final: true, ours: false });

export const badRequest = (message: string, cause?: unknown): EgressError =>
  new EgressError('bad_request', message, { final: true, ours: false, cause });

export const timedOut = (timeoutMs: number, phase: string): EgressError =>
  new EgressError('timeout', `no complete answer within ${timeoutMs} ms (${phase})`, {
    final: false,
    ours: false,
  });

export const aborted = (message: string): EgressError =>
  new EgressError('aborted', message, { final: false, ours: true });

/** The name has no address (theirs), or no name server would say (ours). */
export const resolveFailure = (host: string, error: unknown): EgressError => {
  const code = codeOf(error);
  return code === 'ENOTFOUND' || code === 'ENODATA'
    ? make('dns_not_found', `${host} has no address (${code})`, error)
    : make('dns_failed', `the address of ${host} could not be asked for (${code || 'no code'})`, error, true);
};

/** What went wrong before a connection stood. `secured`: the TCP connection did stand, so it is TLS that failed. */
export const connectFailure = (host: string, port: number, error: unknown, secured: boolean): EgressError => {
  // Node tries several addresses and gives all their errors; the first one says as much as any.
  const first =
    error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error;
  const code = codeOf(first) || codeOf(error);
  const what = `${host}:${port}`;
  if (OURS.has(code))
    return make('connect_failed', `no connection to ${what} could be made from here (${code})`, error, true);
  if (secured && !RESET.has(code))
    return make('tls_failed', `no secure connection to ${what} (${code || 'no code'})`, error);
  if (RESET.has(code))
    return make('reset', `${what} closed the connection while it was made (${code})`, error);
  return make('connect_failed', `no connection to ${what} (${code || 'no code'})`, error);
};

/** What went wrong on a connection that stood. */
export const exchangeFailure = (host: string, error: unknown): EgressError => {
  if (error instanceof EgressError) return error;
  const code = codeOf(error);
  if (RESET.has(code) || code === 'ETIMEDOUT')
    return make('reset', `${host} closed the connection before its answer was complete (${code})`, error);
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return aborted('this side is shutting down');
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED')
    return badRequest('the request could not be sent as it is', error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return make('protocol_error', `${host} sent headers that are too large`, error);
  return make(
    'protocol_error',
    `${host} did not answer in HTTP (${code || (error instanceof Error ? error.name : 'unknown')})`,
    error,
  );
};
