import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import { EgressError } from '../../src/egress/egress.ts';
import type { Egress, EgressResponse } from '../../src/egress/egress.ts';
import type { CompiledTemplate } from '../../src/events/template.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';
import { verdictOfError, verdictOfStatus } from '../../src/webhooks/response-rules.ts';
import type { Verdict } from '../../src/webhooks/response-rules.ts';
import { retryAfterMs } from '../../src/webhooks/retry-after.ts';
import { actionInput } from './action-input.ts';
import type { ActionRun } from './action-input.ts';
import { outcomeOfAnswer, readAnswer } from './answer.ts';
import type { SecretReader } from './secrets.ts';
import { storyHeaders } from './story-headers.ts';

export interface HttpDeps {
  readonly egress: Egress;
  readonly clock: Clock;
  /** Of Crucible, for `user-agent`. */
  readonly version: string;
}

/** An http action with its templates compiled. */
export interface HttpTemplates {
  readonly method: string;
  readonly url: CompiledTemplate;
  readonly headers: CompiledTemplate;
  /** Undefined: the action names none. */
  readonly body: CompiledTemplate | undefined;
}

const textOf = (value: JsonValue): string =>
  typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value);

const bodyOf = (
  run: ActionRun,
  { method, body }: HttpTemplates,
): { type: string; text: string } | undefined => {
  if (body === undefined) {
    if (method === 'GET' || method === 'HEAD') return undefined;
    return { type: 'application/json', text: JSON.stringify(actionInput(run, null)) };
  }
  const value = body.render(run.scope);
  return typeof value === 'string'
    ? { type: 'text/plain; charset=utf-8', text: value }
    : { type: 'application/json', text: JSON.stringify(value) };
};

/** Session cookies of the receiver are nobody's business here. */
const DROPPED = new Set(['set-cookie', 'set-cookie2']);

const responseDetail = (response: EgressResponse, secrets: SecretReader): JsonObject => ({
  status: response.status,
  headers: Object.fromEntries(Object.entries(response.headers).filter(([name]) => !DROPPED.has(name))),
  body: secrets.redact(response.body, response.truncated).toWellFormed(),
  truncated: response.truncated,
  duration_ms: response.durationMs,
});

/** A JSON body that is an answer of the protocol. Other bodies are the receiver's own words, and stand in the detail. */
const answerIn = (response: EgressResponse): JsonValue => {
  if (
    response.truncated ||
    !/^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers['content-type'] ?? '')
  )
    return null;
  try {
    const value = JSON.parse(response.body) as JsonValue;
    const answer = readAnswer(value);
    return typeof answer !== 'string' && answer.output === value ? null : value;
  } catch {
    // A body that is not the JSON it says it is is not an answer; it stands in the detail as it came.
    return null;
  }
};

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

/** @throws TemplateError */
export const runHttpAction = async (
  run: ActionRun,
  templates: HttpTemplates,
  deps: HttpDeps,
): Promise<ActionOutcome> => {
  const { context, hook, scope, secrets } = run;
  const url = textOf(templates.url.render(scope));
  const own = templates.headers.render(scope) as JsonObject;
  const body = bodyOf(run, templates);
  // Ours come last: a hook cannot speak for another event.
  const headers = Object.fromEntries(
    Object.entries({
      'user-agent': `Crucible/${deps.version}`,
      ...(body === undefined ? {} : { 'content-type': body.type }),
      ...Object.fromEntries(Object.entries(own).map(([name, value]) => [name.toLowerCase(), textOf(value)])),
      'idempotency-key': context.idempotencyKey,
      'x-crucible-event-id': context.event.id,
      'x-crucible-event-type': context.event.type,
      'x-crucible-hook': hook.name,
      'x-crucible-run': context.run.id,
      'x-crucible-attempt': String(context.attempt),
      ...storyHeaders(context),
    }),
  );
  const request: JsonObject = { method: templates.method, url };
  let response: EgressResponse;
  try {
    response = await deps.egress.request({
      method: templates.method,
      url,
      headers,
      ...(body === undefined ? {} : { body: body.text }),
      timeoutMs: Math.min(hook.options.timeout_ms, run.timeLeftMs()),
      signal: context.signal,
    });
  } catch (error) {
    if (!(error instanceof EgressError)) throw error;
    if (error.ours)
      return { kind: 'retryable', code: error.code, message: error.message, ours: true, detail: { request } };
    return outcomeOfVerdict(verdictOfError(error), { request }, undefined);
  }
  const detail: JsonObject = { request, response: responseDetail(response, secrets) };
  const verdict = verdictOfStatus(response.status);
  if (verdict.kind === 'succeeded') return outcomeOfAnswer(answerIn(response), detail);
  return outcomeOfVerdict(verdict, detail, retryAfterMs(response.headers['retry-after'], deps.clock.now()));
};
