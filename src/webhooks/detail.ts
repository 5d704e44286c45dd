import type { JsonObject } from '../kernel/json.ts';
import { redactForms, secretForms } from '../kernel/redaction.ts';
import type { EgressResponse } from '../egress/egress.ts';
import type { DeliveryRequest } from './request.ts';

/**
 * What the ledger keeps of an attempt. Guarantee: none of the webhook's secrets is in it, neither as we sent it nor as
 * a receiver may echo it in its headers or its body.
 */

const REDACTED = '[secret]';

/** Session cookies of the receiver are nobody's business here. */
const DROPPED_RESPONSE_HEADERS = new Set(['set-cookie', 'set-cookie2']);

/** Replaces every secret in a text, also where it stands as JSON, form, URL or base64 text. `cut`: it may end in one. */
const redactor = (secretTexts: readonly string[]): ((text: string, cut?: boolean) => string) => {
  const marks = new Map(secretTexts.flatMap(secretForms).map((form) => [form, REDACTED] as const));
  return (text, cut = false) => redactForms(text, marks, cut);
};

export const redact = (text: string, secretTexts: readonly string[]): string => redactor(secretTexts)(text);

export function requestDetail({ url, headers, secretHeaders, secretTexts }: DeliveryRequest): JsonObject {
  const hide = redactor(secretTexts);
  const shown = Object.entries(headers).map(([name, value]) => [
    name,
    secretHeaders.has(name) ? REDACTED : hide(value),
  ]);
  return { method: 'POST', url, headers: Object.fromEntries(shown) as JsonObject };
}

export function responseDetail(response: EgressResponse, secretTexts: readonly string[]): JsonObject {
  const hide = redactor(secretTexts);
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
