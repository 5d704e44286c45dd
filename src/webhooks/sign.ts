import { createHmac } from 'node:crypto';
import { signingKey } from './signing-secret.ts';

/** What Standard Webhooks signs. */
export interface StandardMessage {
  /** `webhook-id`: the same for every attempt of a delivery. */
  readonly id: string;
  /** `webhook-timestamp`: when this attempt is sent, seconds since the epoch. */
  readonly timestamp: number;
  /** The body exactly as it is sent. */
  readonly body: string;
  /** `whsec_…`; several while a rotated secret is still good: one signature for each. */
  readonly secrets: readonly string[];
}

/**
 * The value of `webhook-signature`: `v1,<base64>` of HMAC-SHA256 over `id.timestamp.body`, one for each secret, with a
 * space between (Standard Webhooks 1.0).
 */
export const signStandard = ({ id, timestamp, body, secrets }: StandardMessage): string =>
  secrets
    .map((secret) => {
      const hmac = createHmac('sha256', signingKey(secret)).update(`${id}.${timestamp}.${body}`, 'utf8');
      return `v1,${hmac.digest('base64')}`;
    })
    .join(' ');

/** The value of `X-Crucible-Signature`: `sha256=<hex>` of HMAC-SHA256 over the raw body. */
export const signCrucible = (body: string, secret: string): string =>
  `sha256=${createHmac('sha256', secret).update(body, 'utf8').digest('hex')}`;
