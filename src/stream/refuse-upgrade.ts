import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR_TITLES, type CrucibleError } from '../kernel/errors.ts';

/** Answers a request for a connection with a problem (RFC 9457) in plain HTTP; there is no response object for it. */
export const refuseUpgrade = (
  socket: Duplex,
  error: CrucibleError,
  { status, requestId }: { readonly status: number; readonly requestId: string },
): void => {
  const body = JSON.stringify({
    type: `urn:crucible:error:${error.code}`,
    title: ERROR_TITLES[error.code],
    status,
    detail: error.message,
    code: error.code,
    ...(error.hint !== undefined && { hint: error.hint }),
    request_id: requestId,
  });
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
    ...(error.retryAfterMs !== undefined ? [`Retry-After: ${Math.ceil(error.retryAfterMs / 1_000)}`] : []),
  ];
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
};
