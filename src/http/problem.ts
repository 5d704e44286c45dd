import type { ServerResponse } from 'node:http';
import { ERROR_TITLES } from '../kernel/errors.ts';
import type { CrucibleError, Issue } from '../kernel/errors.ts';
import { STATUS } from './status.ts';

/** RFC 9457, with our code, hint, issues and the request's id. */
interface Problem {
  /** A URI for the code; it names, and need not resolve. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly hint?: string;
  readonly request_id: string;
  readonly errors?: readonly Issue[];
}

/** When a 503 or 429 says nothing better. */
const DEFAULT_RETRY_MS = 1000;

const problemOf = (error: CrucibleError, requestId: string): Problem => ({
  type: `urn:crucible:error:${error.code}`,
  title: ERROR_TITLES[error.code],
  status: STATUS[error.code],
  detail: error.message,
  code: error.code,
  ...(error.hint === undefined ? {} : { hint: error.hint }),
  request_id: requestId,
  ...(error.issues.length === 0 ? {} : { errors: error.issues }),
});

/** Whole seconds, rounded up (RFC 9110, 10.2.3); for 429 and 503 there is always one. */
const retryAfterSeconds = (error: CrucibleError): number | undefined => {
  const status = STATUS[error.code];
  const ms = error.retryAfterMs ?? (status === 429 || status === 503 ? DEFAULT_RETRY_MS : undefined);
  return ms === undefined ? undefined : Math.max(1, Math.ceil(ms / 1000));
};

/** What an error says in headers, whatever the body's form. */
export const setErrorHeaders = (res: ServerResponse, error: CrucibleError): void => {
  const retryAfter = retryAfterSeconds(error);
  if (retryAfter !== undefined) res.setHeader('Retry-After', String(retryAfter));
  if (error.code === 'unauthenticated') res.setHeader('WWW-Authenticate', 'Bearer');
};

/** Writes the problem as the answer; does nothing if an answer has begun already, which cannot be taken back. */
export const sendProblem = (res: ServerResponse, error: CrucibleError, requestId: string): void => {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = JSON.stringify(problemOf(error, requestId));
  res.statusCode = STATUS[error.code];
  res.setHeader('Content-Type', 'application/problem+json');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  setErrorHeaders(res, error);
  res.end(body);
};
