import type { CrucibleEvent, NewEvent } from '../events/envelope.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { Origin } from '../kernel/origin.ts';
import type { Decision } from './decide.ts';
import type { ActionOutcome } from './outcome.ts';
import type { Run } from './run.ts';

/** Makes a committed-to-be event of a known type, its payload checked against the schema. */
export type BuildEvent = (
  input: { readonly type: string; readonly payload: JsonObject; readonly subject?: string },
  origin: Origin,
) => NewEvent;

/** Every event made on behalf of a run continues the story of the run's event, one step deeper. */
export const originOf = (run: Run, event: CrucibleEvent): Origin => ({
  ...speakerOf(run, event),
  world: run.world,
  correlation_id: run.correlation_id,
  causation_id: event.id,
  depth: run.depth + 1,
});

/** What an agent does it does itself, in its own name; all else is done by the system on behalf of the target. */
const speakerOf = (run: Run, event: CrucibleEvent): Pick<Origin, 'source' | 'actor'> => {
  if (run.kind !== 'agent')
    return { source: { kind: 'system', component: `${run.kind}s` }, actor: run.target };
  const id = agentOf(event);
  return { source: { kind: 'agent', agent_id: id }, actor: `agent:${id}` };
};

/** Whom a request for an action is for; its schema says that it is there. */
const agentOf = ({ payload }: CrucibleEvent): string => payload['agent_id'] as string;

/** What is known when a run ends. */
export interface Ending {
  readonly run: Run;
  /** The number of the last attempt; 0: it ended without one. */
  readonly attempt: number;
  readonly durationMs: number;
  readonly state: Decision['state'];
  readonly reason: string | null;
  /** Undefined: it ended outside an attempt (terminated, cancelled). */
  readonly outcome: ActionOutcome | undefined;
}

const errorOf = ({ outcome, reason }: Ending): JsonObject => {
  if (outcome === undefined)
    return { code: reason ?? 'unknown', message: `the run was ${reason ?? 'ended'}` };
  if (outcome.kind === 'failed' || outcome.kind === 'retryable') {
    return { code: outcome.code, message: outcome.message };
  }
  if (outcome.kind === 'denied') return { code: 'denied', message: outcome.reason };
  const because = outcome.kind === 'skipped' ? outcome.because : undefined;
  return { code: reason ?? 'unknown', message: because ?? reason ?? 'unknown' };
};

/** An event carries a small value whole; a large one stands elsewhere alone. */
const MAX_SHOWN_CHARACTERS = 16_384;

const shown = <T extends JsonValue>(value: T, what: string, where: string): T | JsonObject => {
  const characters = JSON.stringify(value).length;
  return characters <= MAX_SHOWN_CHARACTERS
    ? value
    : { omitted: `the ${what} has ${characters} characters; it stands in ${where}` };
};

interface ToldEvent {
  readonly type: string;
  readonly payload: JsonObject;
  readonly subject: string;
}

const actionExecuted = (ending: Ending, event: CrucibleEvent): ToldEvent => {
  const { run, durationMs, state, outcome } = ending;
  const success = state === 'succeeded';
  const output = outcome?.kind === 'succeeded' ? outcome.output : undefined;
  return {
    type: 'agent.action_executed',
    payload: {
      agent_id: agentOf(event),
      action: event.payload['action'] ?? '',
      inputs: shown(event.payload['inputs'] ?? {}, 'input', `the event ${event.id}`),
      ...(success && output !== undefined && { outputs: shown(output, 'output', 'the attempt') }),
      duration_ms: durationMs,
      success,
      ...(!success && { error: errorOf(ending) }),
      run_id: run.id,
    },
    subject: `agent:${agentOf(event)}`,
  };
};

/** What is told of the first attempt of a hook that is traced. Pure. */
export const triggeredEvent = (run: Run): ToldEvent => ({
  type: 'hook.triggered',
  payload: {
    hook: run.target.slice(run.target.indexOf(':') + 1),
    run_id: run.id,
    event_id: run.event_id,
    event_type: run.event_type,
    workflow_id: run.workflow_id,
  },
  subject: run.target,
});

/**
 * The one event that comes out of every execution: its type and payload. Pure.
 * @param event the one that the run reacts to
 */
export const terminalEvent = (ending: Ending, event: CrucibleEvent): ToldEvent => {
  if (ending.run.kind === 'agent') return actionExecuted(ending, event);
  const { run, attempt, durationMs, state, reason, outcome } = ending;
  const name = run.target.slice(run.target.indexOf(':') + 1);
  const shared = {
    run_id: run.id,
    event_id: run.event_id,
    event_type: run.event_type,
    state,
    attempt,
    duration_ms: durationMs,
  };
  if (run.kind === 'webhook') {
    const response = outcome?.detail['response'];
    const status =
      response !== null && typeof response === 'object' && 'status' in response ? response['status'] : null;
    const payload = { ...shared, webhook_id: name, status: typeof status === 'number' ? status : null };
    return state === 'succeeded'
      ? { type: 'webhook.delivered', payload, subject: name }
      : { type: 'webhook.delivery_failed', payload: { ...payload, error: errorOf(ending) }, subject: name };
  }
  const payload = { ...shared, attempts: attempt, hook: name };
  if (state === 'succeeded') {
    const output = outcome?.kind === 'succeeded' ? outcome.output : undefined;
    return {
      type: 'hook.executed',
      payload: {
        ...payload,
        ...(output !== undefined && { output: shown(output, 'output', 'the attempt') }),
      },
      subject: run.target,
    };
  }
  if (state === 'skipped') {
    return {
      type: 'hook.skipped',
      payload: { ...payload, reason: reason ?? 'skipped' },
      subject: run.target,
    };
  }
  return { type: 'hook.failed', payload: { ...payload, error: errorOf(ending) }, subject: run.target };
};
