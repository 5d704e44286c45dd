/**
 * Which headers somebody may set on requests that are sent for them (the owner of a webhook, an agent), and what no
 * record may show of them.
 */

/** A field name of HTTP (RFC 9110, section 5.1). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible ASCII, with spaces and tabs inside: no CR, LF or NUL can end a header and begin another. */
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;
const MAX_NAME_LENGTH = 128;
const MAX_VALUE_LENGTH = 4_096;

/** Set by us or by the HTTP client, or without meaning beyond one connection. */
const RESERVED = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'via',
  'x-correlation-id',
]);
const RESERVED_PREFIXES = ['webhook-', 'x-crucible-', 'proxy-'];

/** They carry a credential by definition (RFC 9110, section 11; RFC 6265). A webhook has `auth` for that. */
const FOR_AUTH = new Set(['authorization', 'cookie']);

/** Names that by custom carry a credential: their values are kept and shown as secrets. */
const CREDENTIAL =
  /(?:^|[-_])(?:api-?key|key|token|secret|password|passwd|credentials?|session|auth)(?:$|[-_])|apikey/i;

/** Whether the value of this header is to be treated as a secret. */
export const isCredentialHeader = (name: string): boolean =>
  CREDENTIAL.test(name) || FOR_AUTH.has(name.toLowerCase());

/** What is wrong with a header name; undefined: nothing. `forAuth`: it carries the credential of `auth: header`. */
export function problemOfHeaderName(name: string, forAuth: boolean): string | undefined {
  if (!TOKEN.test(name)) return "is not a header name (letters, digits and !#$%&'*+-.^_`|~)";
  if (name.length > MAX_NAME_LENGTH) return `is longer than ${MAX_NAME_LENGTH} characters`;
  const lower = name.toLowerCase();
  if (lower === '__proto__') return 'is not a header name';
  if (RESERVED.has(lower) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix))) {
    return 'is set by Crucible and cannot be given';
  }
  if (!forAuth && FOR_AUTH.has(lower)) return 'carries a credential: give it as `auth`';
  return undefined;
}

/** What is wrong with a header value, without a word of it; undefined: nothing. */
export function problemOfHeaderValue(value: string): string | undefined {
  if (value.length > MAX_VALUE_LENGTH) return `is longer than ${MAX_VALUE_LENGTH} characters`;
  if (/[\r\n\0]/.test(value)) return 'holds a line break or NUL, which would end the header';
  if (!VALUE.test(value)) return 'must be visible ASCII characters, with spaces only between them';
  return undefined;
}
