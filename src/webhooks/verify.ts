/**
 * For receivers: is this request really from the sender that holds our secret, and is it fresh?
 *
 * This file stands alone (`node:crypto` only). Verify the body as it came, before any JSON parser: one changed byte is
 * another message.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export type VerificationProblem =
  /** A header that the check needs is not there. */
  | 'missing_header'
  /** `webhook-timestamp` is not a whole number of seconds. */
  | 'bad_timestamp'
  | 'timestamp_too_old'
  | 'timestamp_too_new'
  /** The header holds no signature in a form that we know. */
  | 'bad_signature'
  /** Well-formed, but not made with this secret over this body. */
  | 'no_match'
  /** The secret given to the check cannot be one. */
  | 'bad_secret';

/** Why a request was refused. Answer it with 401 and do nothing else. */
export class WebhookVerificationError extends Error {
  readonly code: VerificationProblem;

  constructor(code: VerificationProblem, message: string) {
    super(message);
    this.name = 'WebhookVerificationError';
    this.code = code;
  }
}

/** Headers as Node's `http`, Express or `fetch` give them. */
export type HeaderSource =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyStandardInput {
  readonly headers: HeaderSource;
  /** The raw body. */
  readonly body: string | Uint8Array;
  /** `whsec_…`; several while you change from one to the next. */
  readonly secret: string | readonly string[];
  /** How far the sender's clock may be off, and how old a request may be. Default 300 seconds (Standard Webhooks). */
  readonly toleranceSeconds?: number;
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: () => number;
}

export interface VerifiedMessage {
  /** The same for every attempt and replay of one delivery: keep it to recognise a repeat. */
  readonly id: string;
  readonly timestamp: Date;
}

/**
 * Checks `webhook-id`, `webhook-timestamp` and `webhook-signature` (Standard Webhooks 1.0). One good signature among
 * several suffices. Comparisons take the same time wherever the first difference is.
 * @throws WebhookVerificationError
 */
export function verifyStandard(input: VerifyStandardInput): VerifiedMessage {
  const id = required(input.headers, 'webhook-id');
  const timestampText = required(input.headers, 'webhook-timestamp');
  const signatures = signaturesOf(required(input.headers, 'webhook-signature'));

  if (!/^\d{1,12}$/.test(timestampText)) {
    throw new WebhookVerificationError(
      'bad_timestamp',
      'webhook-timestamp is not a whole number of seconds.',
    );
  }
  const seconds = Number(timestampText);
  const tolerance = input.toleranceSeconds ?? 300;
  const nowSeconds = Math.floor((input.now ?? Date.now)() / 1000);
  if (nowSeconds - seconds > tolerance) {
    throw new WebhookVerificationError(
      'timestamp_too_old',
      `The request is older than ${tolerance} seconds.`,
    );
  }
  if (seconds - nowSeconds > tolerance) {
    throw new WebhookVerificationError(
      'timestamp_too_new',
      `The request is from more than ${tolerance} seconds ahead.`,
    );
  }

  const secrets = typeof input.secret === 'string' ? [input.secret] : input.secret;
  if (secrets.length === 0)
    throw new WebhookVerificationError('bad_secret', 'No secret was given to check with.');
  const expected = secrets.map((secret) =>
    createHmac('sha256', keyOf(secret)).update(`${id}.${timestampText}.`, 'utf8').update(input.body).digest(),
  );
  // Every pair is compared, also after a match: the time taken tells nothing.
  let matched = false;
  for (const signature of signatures) {
    for (const good of expected) matched = sameBytes(signature, good) || matched;
  }
  if (!matched) {
    throw new WebhookVerificationError(
      'no_match',
      'No signature fits this body, this id, this time and this secret.',
    );
  }
  return { id, timestamp: new Date(seconds * 1000) };
}

/**
 * Checks `X-Crucible-Signature` (`sha256=<hex>` over the raw body), sent by webhooks with `hmac` authentication. It
 * says nothing of freshness: prefer {@link verifyStandard}.
 * @throws WebhookVerificationError
 */
export function verifyCrucible(input: {
  readonly headers: HeaderSource;
  readonly body: string | Uint8Array;
  readonly secret: string;
}): void {
  const value = required(input.headers, 'x-crucible-signature');
  if (input.secret === '') throw new WebhookVerificationError('bad_secret', 'The secret is empty.');
  if (!/^sha256=[0-9a-f]{64}$/i.test(value)) {
    throw new WebhookVerificationError(
      'bad_signature',
      'X-Crucible-Signature is not `sha256=` and 64 hex digits.',
    );
  }
  const expected = createHmac('sha256', input.secret).update(input.body).digest();
  if (!sameBytes(Buffer.from(value.slice('sha256='.length), 'hex'), expected)) {
    throw new WebhookVerificationError(
      'no_match',
      'X-Crucible-Signature does not fit this body and this secret.',
    );
  }
}

function required(headers: HeaderSource, name: string): string {
  const value = headerValue(headers, name);
  if (value === undefined || value === '') {
    throw new WebhookVerificationError('missing_header', `The header ${name} is missing.`);
  }
  return value;
}

function headerValue(headers: HeaderSource, name: string): string | undefined {
  if (typeof headers.get === 'function') return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  if (typeof found === 'string') return found;
  return Array.isArray(found) && found.length === 1 && typeof found[0] === 'string' ? found[0] : undefined;
}

/** The `v1` signatures of the header; other versions (`v1a`) are not ours to judge. */
function signaturesOf(header: string): readonly Uint8Array[] {
  const found = header
    .split(' ')
    .filter((part) => /^v1,[A-Za-z0-9+/]{43}=$/.test(part))
    .map((part) => Buffer.from(part.slice('v1,'.length), 'base64'));
  if (found.length === 0) {
    throw new WebhookVerificationError(
      'bad_signature',
      'webhook-signature holds no `v1,<base64 of 32 bytes>`.',
    );
  }
  return found;
}

function keyOf(secret: string): Uint8Array {
  const text = secret.startsWith('whsec_') ? secret.slice('whsec_'.length) : secret;
  const key = Buffer.from(text, 'base64');
  if (key.length === 0 || key.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '')) {
    throw new WebhookVerificationError('bad_secret', 'The secret is not `whsec_` and base64.');
  }
  return key;
}

/** `timingSafeEqual` throws on unequal lengths; a length is no secret. */
const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);
