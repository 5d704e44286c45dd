import type { JsonObject } from '../kernel/json.ts';
import type { Redactor } from '../kernel/redaction.ts';
import type { EgressResponse } from '../egress/egress.ts';
import { REDACTED } from './opened.ts';
import type { DeliveryRequest } from './request.ts';

/**
 * What the ledger keeps of an attempt. Guarantee: none of the webhook's secrets is in it, neither as we sent it nor as
 * a receiver may echo it in its headers or its body.
 */

/** Session cookies of the receiver are nobody's business here. */
const DROPPED_RESPONSE_HEADERS = new Set(['set-cookie', 'set-cookie2']);

export function requestDetail({ url, headers, opened }: DeliveryRequest): JsonObject {
  const shown = Object.entries(headers).map(([name, value]) => [
    name,
    opened.hiddenHeaders.has(name) ? REDACTED : opened.hide(value),
  ]);
  return { method: 'POST', url, headers: Object.fromEntries(shown) as JsonObject };
}

export function responseDetail(response: EgressResponse, hide: Redactor): JsonObject {
  const headers = Object.entries(response.headers)
    .filter(([name]) => !DROPPED_RESPONSE_HEADERS.has(name))
    .map(([name, value]) => [name, storable(hide(value))]);
  return {
    status: response.status,
    headers: Object.fromEntries(headers) as JsonObject,
    body: storable(hide(response.body, response.truncated)),
    truncated: response.truncated,
  };
}

/** A receiver may send anything; NUL and half surrogate pairs are what stores and readers of text stumble over. */
const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD');

export const timingDetail = (response: EgressResponse): JsonObject => ({
  duration_ms: response.durationMs,
  ...(response.timings.connectMs === undefined ? {} : { connect_ms: response.timings.connectMs }),
  ...(response.timings.headersMs === undefined ? {} : { headers_ms: response.timings.headersMs }),
});
