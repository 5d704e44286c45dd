import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR_TITLES, type CrucibleError, type ErrorCode } from '../kernel/errors.ts';
import { decodeError, encodeError, isObject } from './error-codec.ts';

/** Of what is refused as a whole. An append that fails has a place in the answer. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  malformed_request: 400,
  unauthenticated: 401,
  not_found: 404,
  method_not_allowed: 405,
  payload_too_large: 413,
  invalid: 422,
  overloaded: 503,
  log_unavailable: 503,
  fenced: 503,
};

const statusOf = (code: ErrorCode): number => STATUS[code] ?? 500;

const bodyOf = (error: CrucibleError): string => {
  const { code, message, issues, ...rest } = encodeError(error);
  return JSON.stringify({
    type: `urn:crucible:error:${code}`,
    title: ERROR_TITLES[code],
    status: statusOf(code),
    detail: message,
    code,
    ...rest,
    ...(issues !== undefined && { errors: issues }),
  });
};

/** What a refused request says (RFC 9457). Where its body was not read, the connection ends with the answer. */
export const sendProblem = (res: ServerResponse, error: CrucibleError): void => {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = bodyOf(error);
  res.statusCode = statusOf(error.code);
  res.setHeader('Content-Type', 'application/problem+json');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  if (!res.req.complete) res.setHeader('Connection', 'close');
  res.end(body);
};

/** The same where there is no response object: a request for another protocol. */
export const refuseSocket = (socket: Duplex, error: CrucibleError): void => {
  const body = bodyOf(error);
  const status = statusOf(error.code);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
};

/** The error that a problem tells of; undefined: it is none of ours. */
export const errorOfProblem = (body: unknown): CrucibleError | undefined => {
  if (!isObject(body) || typeof body['code'] !== 'string') return undefined;
  return decodeError({ ...body, message: body['detail'], issues: body['errors'] });
};
