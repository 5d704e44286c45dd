import { badRequest } from './failures.ts';
import type { EgressRequest } from './egress.ts';

/** RFC 9110, 5.6.2 */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// eslint-disable-next-line no-control-regex
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/** The client says these itself: framing, the connection, and where the request goes. */
const OURS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'keep-alive',
  'te',
  'trailer',
  'expect',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'http2-settings',
]);
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

const MAX_HEADER_BYTES = 32 * 1024;
const MAX_URL_CHARACTERS = 8 * 1024;

export interface Prepared {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer | null;
}

/**
 * Checks what undici would let pass or say unclearly. Names are told, values never: they may be secrets.
 * @throws EgressError `bad_request` with everything that is wrong
 */
export const prepareRequest = (request: EgressRequest): Prepared => {
  const wrong: string[] = [];
  const method = request.method.toUpperCase();
  if (!METHODS.has(method)) wrong.push(`the method must be one of ${[...METHODS].join(', ')}`);
  if (request.url.length > MAX_URL_CHARACTERS)
    wrong.push(`the URL is longer than ${MAX_URL_CHARACTERS} characters`);
  if (!(request.timeoutMs > 0)) wrong.push('timeoutMs must be more than 0');

  const headers: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(request.headers)) {
    const lower = name.toLowerCase();
    bytes += name.length + value.length + 4;
    if (!TOKEN.test(name)) wrong.push(`${JSON.stringify(name)} is not a header name`);
    else if (!VALUE.test(value))
      wrong.push(`the header ${lower} holds a line break or another character that headers may not hold`);
    else if (OURS.has(lower)) wrong.push(`the header ${lower} is set by the client itself`);
    else if (Object.hasOwn(headers, lower)) wrong.push(`the header ${lower} is given twice`);
    else headers[lower] = value;
  }
  if (bytes > MAX_HEADER_BYTES) wrong.push(`the headers are larger than ${MAX_HEADER_BYTES} bytes`);
  if (wrong.length > 0) throw badRequest(`The request cannot be sent: ${wrong.join('; ')}`);

  // What comes compressed all the same is still read; asking for plain text only saves the work.
  headers['accept-encoding'] ??= 'identity';
  const { body } = request;
  return {
    method,
    headers,
    body:
      body === undefined
        ? null
        : typeof body === 'string'
          ? body
          : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  };
};
