import type { ActionOutcome, AttemptContext } from '../../src/dispatch/outcome.ts';
import { EgressError } from '../../src/egress/egress.ts';
import type { Egress, EgressResponse } from '../../src/egress/egress.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import { verdictOfError, verdictOfStatus } from '../../src/webhooks/response-rules.ts';
import type { Verdict } from '../../src/webhooks/response-rules.ts';
import { retryAfterMs } from '../../src/egress/retry-after.ts';
import type { SecretReader } from './secrets.ts';
import { storyHeaders } from './story-headers.ts';

export interface HttpDeps {
  readonly egress: Egress;
  readonly clock: Clock;
  /** Of Crucible, for `user-agent`. */
  readonly version: string;
}

/** Session cookies of the receiver are nobody's business here. */
const DROPPED = new Set(['set-cookie', 'set-cookie2']);

const responseDetail = (response: EgressResponse, secrets: SecretReader): JsonObject => ({
  status: response.status,
  headers: Object.fromEntries(Object.entries(response.headers).filter(([name]) => !DROPPED.has(name))),
  body: secrets.redact(response.body, response.truncated).toWellFormed(),
  truncated: response.truncated,
  duration_ms: response.durationMs,
});

const outcomeOfVerdict = (
  verdict: Verdict,
  detail: JsonObject,
  retryAfter: number | undefined,
): ActionOutcome => {
  switch (verdict.kind) {
    case 'succeeded':
      return { kind: 'succeeded', detail };
    case 'failed':
      return { kind: 'failed', code: verdict.code, message: verdict.message, detail };
    case 'skipped':
      return { kind: 'skipped', reason: verdict.reason, because: verdict.message, detail };
    case 'retryable':
      return {
        kind: 'retryable',
        code: verdict.code,
        message: verdict.message,
        ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
        detail,
      };
  }
};

/** What every request of a run carries, besides what its kind of action adds. */
export const runHeaders = (context: AttemptContext, version: string): Record<string, string> => ({
  'user-agent': `Crucible/${version}`,
  'idempotency-key': context.idempotencyKey,
  'x-crucible-event-id': context.event.id,
  'x-crucible-event-type': context.event.type,
  'x-crucible-run': context.run.id,
  'x-crucible-attempt': String(context.attempt),
  ...storyHeaders(context),
});

interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Default 64 KiB. */
  readonly maxResponseBytes?: number;
  readonly signal: AbortSignal;
}

/**
 * Sends one request and judges what came back.
 * @returns the response if it is a success; else the outcome of the attempt. Either way with what the attempt tells of it
 */
export const exchange = async (
  asked: Exchange,
  secrets: SecretReader,
  deps: HttpDeps,
): Promise<
  { readonly response: EgressResponse; readonly detail: JsonObject } | { readonly outcome: ActionOutcome }
> => {
  const request: JsonObject = { method: asked.method, url: asked.url };
  let response: EgressResponse;
  try {
    response = await deps.egress.request(asked);
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    const detail = { request };
    return {
      outcome: error.ours
        ? { kind: 'retryable', code: error.code, message: error.message, ours: true, detail }
        : outcomeOfVerdict(verdictOfError(error), detail, undefined),
    };
  }
  const detail: JsonObject = { request, response: responseDetail(response, secrets) };
  const verdict = verdictOfStatus(response.status);
  if (verdict.kind === 'succeeded') return { response, detail };
  const after = retryAfterMs(response.headers['retry-after'], deps.clock.now());
  return { outcome: outcomeOfVerdict(verdict, detail, after) };
};
