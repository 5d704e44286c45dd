import { randomBytes } from 'node:crypto';

/** Signing secrets of Standard Webhooks 1.0: `whsec_` and the base64 of 24 to 64 random bytes. */
const SIGNING_SECRET_PREFIX = 'whsec_';
const SIGNING_SECRET_MIN_BYTES = 24;
const SIGNING_SECRET_MAX_BYTES = 64;

const NEW_SECRET_BYTES = 32;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const newSigningSecret = (random: (bytes: number) => Uint8Array = randomBytes): string =>
  SIGNING_SECRET_PREFIX + Buffer.from(random(NEW_SECRET_BYTES)).toString('base64');

/** What is wrong with a signing secret, without a word of its value; undefined when it is good. */
export function problemOfSigningSecret(secret: string): string | undefined {
  if (!secret.startsWith(SIGNING_SECRET_PREFIX)) {
    return `must be \`${SIGNING_SECRET_PREFIX}\` and the base64 of ${SIGNING_SECRET_MIN_BYTES} to ${SIGNING_SECRET_MAX_BYTES} bytes`;
  }
  const text = secret.slice(SIGNING_SECRET_PREFIX.length);
  if (!BASE64.test(text))
    return `is not padded base64 (RFC 4648, section 4) after \`${SIGNING_SECRET_PREFIX}\``;
  const { length } = Buffer.from(text, 'base64');
  if (length < SIGNING_SECRET_MIN_BYTES)
    return `is too short: ${length} bytes, at least ${SIGNING_SECRET_MIN_BYTES}`;
  if (length > SIGNING_SECRET_MAX_BYTES)
    return `is too long: ${length} bytes, at most ${SIGNING_SECRET_MAX_BYTES}`;
  return undefined;
}

/** The key that a good signing secret stands for. */
export const signingKey = (secret: string): Uint8Array =>
  Buffer.from(secret.slice(SIGNING_SECRET_PREFIX.length), 'base64');

/** Below this many characters, four of them would give too much away. */
const HINT_FROM_LENGTH = 16;

/** Enough of a secret to tell it from another: its last four characters, or none of a short one. */
export const hintOf = (secret: string): string =>
  secret.length < HINT_FROM_LENGTH ? '…' : `…${secret.slice(-4)}`;
