import type { Handler } from '../../src/agents/input.ts';
import { asDefinition, type AgentDefinition } from '../../src/agents/rows.ts';
import type { ActionOutcome, AttemptContext, AttemptPolicy, Executor } from '../../src/dispatch/outcome.ts';
import type { Target } from '../../src/dispatch/target.ts';
import { compileTemplate, TemplateError } from '../../src/events/template.ts';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { exchange, runHeaders, type HttpDeps } from '../actions/exchange.ts';
import { ATTEMPT_MARGIN_MS } from '../actions/policy.ts';
import { redacted } from '../actions/redacted.ts';
import { outcomeOfEnd } from '../actions/script.ts';
import { createSecretReader } from '../actions/secrets.ts';
import type { ActionAttempt } from './action-attempt.ts';
import type { AgentConnections } from './connections.ts';
import { MAX_OUTPUTS, outcomeOfOutputs } from './outputs.ts';
import { overStream } from './over-stream.ts';

export interface AgentExecutorDeps extends HttpDeps {
  readonly sandbox: Pick<Sandbox, 'run'>;
  readonly connections: AgentConnections;
  /** The agent as it is registered now; undefined: it is not any more. */
  readonly targetOf: (id: string) => Pick<Target, 'id'> | undefined;
  /** Undefined: there is no such secret. Read when it is sent, so that a changed one needs no restart. */
  readonly readSecret: (name: string) => string | undefined;
}

/** At most 30 s apart, the attempts of an agent with stream handlers outlast about ten minutes without a connection. */
const ATTEMPTS = { http: 4, stream: 24 };
const IN_FLIGHT = { remote: 64, script: 16 };

/**
 * One policy for the whole agent: a definition has one, whichever action is asked for. What a script does wrong is final,
 * so its attempts are only those that a lost runner costs.
 */
const policyOf = ({ actions }: AgentDefinition): AttemptPolicy => {
  const handlers = actions.map(({ handler }) => handler);
  const connected = handlers.some(({ type }) => type === 'stream');
  const remote = handlers.some(({ type }) => type !== 'script');
  return {
    timeoutMs: Math.max(1_000, ...handlers.map(({ timeout_ms }) => timeout_ms)) + ATTEMPT_MARGIN_MS,
    maxAttempts: connected ? ATTEMPTS.stream : ATTEMPTS.http,
    schedule: { kind: 'exponential', initialMs: 1_000, maxMs: 30_000 },
    jitter: 0.1,
    // Short by their processor limit; what waits for others is not.
    local: !remote,
    maxInFlight: remote ? IN_FLIGHT.remote : IN_FLIGHT.script,
  };
};

const requestOf = (context: AttemptContext, { agent }: AgentDefinition, deadline: number): JsonObject => ({
  run_id: context.run.id,
  agent_id: agent,
  action: context.event.payload['action'] ?? '',
  inputs: context.event.payload['inputs'] ?? {},
  correlation_id: context.event.correlation_id,
  attempt: context.attempt,
  idempotency_key: context.idempotencyKey,
  deadline: new Date(deadline).toISOString(),
});

const failed = (code: string, message: string, detail: JsonObject = {}): ActionOutcome => ({
  kind: 'failed',
  code,
  message,
  detail,
});

/** @throws TemplateError */
const overHttp = async (
  { context, agent, action, request, secrets, timeoutMs }: ActionAttempt,
  handler: Handler & { type: 'http' },
  deps: HttpDeps,
): Promise<ActionOutcome> => {
  const own = compileTemplate(handler.headers, { allowSecrets: true }).render({ secrets: secrets.read });
  const answered = await exchange(
    {
      method: 'POST',
      url: handler.url,
      // Ours come last: an agent cannot speak for another run.
      headers: {
        ...Object.fromEntries(
          Object.entries(own as JsonObject).map(([name, value]) => [
            name.toLowerCase(),
            typeof value === 'string' ? value : JSON.stringify(value),
          ]),
        ),
        ...runHeaders(context, deps.version),
        'content-type': 'application/json',
        'x-crucible-agent': agent.agent,
        'x-crucible-action': action.name,
      },
      body: JSON.stringify(request),
      timeoutMs,
      // Room for what JSON may be written with besides.
      maxResponseBytes: 2 * MAX_OUTPUTS,
      signal: context.signal,
    },
    secrets,
    deps,
  );
  if ('outcome' in answered) return answered.outcome;
  const { response, detail } = answered;
  if (response.truncated)
    return failed('outputs_too_large', `The answer is larger than ${2 * MAX_OUTPUTS} bytes`, detail);
  let outputs: JsonValue = null;
  try {
    if (response.body.trim() !== '') outputs = JSON.parse(response.body) as JsonValue;
  } catch {
    return failed('bad_answer', 'The answer is not JSON', detail);
  }
  // The body is the outputs: kept once.
  const { body: _body, ...head } = detail['response'] as JsonObject;
  return outcomeOfOutputs(outputs, action, { ...detail, response: head });
};

const byScript = async (
  { context, agent, action, request, timeoutMs }: ActionAttempt,
  handler: Handler & { type: 'script' },
  { sandbox }: Pick<AgentExecutorDeps, 'sandbox'>,
): Promise<ActionOutcome> => {
  const result = await sandbox.run({
    source: handler.code,
    name: `${agent.agent}/${action.name}.js`,
    input: request,
    capabilities: {},
    timeoutMs,
    signal: context.signal,
  });
  if (result.kind === 'returned')
    return outcomeOfOutputs(result.value, action, { log: result.log, cpu_ms: result.cpuMs });
  const outcome = outcomeOfEnd(result);
  // The same script on the same inputs would do the same again; a runner that died is not its fault.
  if (outcome.kind !== 'retryable' || result.kind === 'lost') return outcome;
  return failed(outcome.code, outcome.message, outcome.detail);
};

/**
 * Executes the actions of agents, one attempt at a time. Guarantees: what a handler does wrong is an outcome and never
 * thrown; outputs that are told fit their schema; no outcome holds a secret that was sent.
 */
export const createAgentExecutor = (deps: AgentExecutorDeps): Executor => ({
  policy: (definition) => policyOf(asDefinition(definition)),

  execute: async (context) => {
    if (deps.targetOf(context.run.target) === undefined)
      return { kind: 'skipped', reason: 'disabled', because: 'the agent has been unregistered', detail: {} };
    const agent = asDefinition(context.definition);
    const action = agent.actions.find(({ name }) => name === context.event.payload['action']);
    if (action === undefined)
      return failed('unknown_action', 'The agent had no such action when it was asked');
    const { handler } = action;
    const secrets = createSecretReader(deps.readSecret);
    const now = deps.clock.now();
    // The margin is what a handler that hangs is ended and told of in.
    const timeLeftMs = Math.max(1, context.deadline - ATTEMPT_MARGIN_MS / 2 - now);
    const timeoutMs = Math.min(handler.timeout_ms, timeLeftMs);
    const attempt: ActionAttempt = {
      context,
      agent,
      action,
      request: requestOf(context, agent, now + timeoutMs),
      secrets,
      timeoutMs,
    };
    try {
      switch (handler.type) {
        case 'http':
          return redacted(await overHttp(attempt, handler, deps), secrets);
        case 'script':
          return redacted(await byScript(attempt, handler, deps), secrets);
        case 'stream':
          return redacted(await overStream(attempt, deps.connections), secrets);
      }
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return failed('bad_template', secrets.redact(error.message));
    }
  },
});
