import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import type { EgressResponse } from '../../src/egress/egress.ts';
import type { CompiledTemplate } from '../../src/events/template.ts';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';
import { actionInput } from './action-input.ts';
import type { ActionRun } from './action-input.ts';
import { outcomeOfAnswer, readAnswer } from './answer.ts';
import { exchange, runHeaders } from './exchange.ts';
import type { HttpDeps } from './exchange.ts';

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
  // Ours come last: a hook cannot speak for another event. Only the name of the client is its own to give.
  const { 'user-agent': userAgent = '', ...ours } = runHeaders(context, deps.version);
  const answered = await exchange(
    {
      method: templates.method,
      url,
      headers: {
        'user-agent': userAgent,
        ...(body === undefined ? {} : { 'content-type': body.type }),
        ...Object.fromEntries(
          Object.entries(own).map(([name, value]) => [name.toLowerCase(), textOf(value)]),
        ),
        'x-crucible-hook': hook.name,
        ...ours,
      },
      ...(body === undefined ? {} : { body: body.text }),
      timeoutMs: Math.min(hook.options.timeout_ms, run.timeLeftMs()),
      signal: context.signal,
    },
    secrets,
    deps,
  );
  return 'outcome' in answered
    ? answered.outcome
    : outcomeOfAnswer(answerIn(answered.response), answered.detail);
};
