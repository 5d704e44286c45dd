import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';

/** What every kind of action may answer. All of it is optional. */
export interface Answer {
  readonly decision: 'allow' | 'deny';
  readonly reason?: string;
  /** JSON Patch (RFC 6902) on the payload; only a transform hook's is applied. */
  readonly patch?: readonly JsonValue[];
  readonly output?: JsonValue;
}

const KEYS = new Set(['decision', 'reason', 'patch', 'output']);
const MAX_REASON_LENGTH = 2_000;
/** JSON text of an output that the ledger keeps whole. */
const MAX_OUTPUT_LENGTH = 64 * 1024;

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads what an action gave back. An object of the protocol's keys alone is an answer; everything else is an output.
 * @returns the answer, or what is wrong with it, in words
 */
export const readAnswer = (value: JsonValue): Answer | string => {
  if (
    !isObject(value) ||
    !Object.keys(value).every((key) => KEYS.has(key)) ||
    Object.keys(value).length === 0
  ) {
    return value === null ? { decision: 'allow' } : { decision: 'allow', output: value };
  }
  const { decision = null, reason = null, patch = null, output } = value;
  if (decision !== null && decision !== 'allow' && decision !== 'deny')
    return '`decision` must be "allow" or "deny"';
  if (reason !== null && typeof reason !== 'string') return '`reason` must be a text';
  if (patch !== null && !Array.isArray(patch)) return '`patch` must be a list of operations (RFC 6902)';
  return {
    decision: decision ?? 'allow',
    ...(reason === null ? {} : { reason: reason.slice(0, MAX_REASON_LENGTH) }),
    ...(patch === null ? {} : { patch: patch as readonly JsonValue[] }),
    ...(output === undefined ? {} : { output }),
  };
};

/** The outcome of an action that was carried out and gave `value` back. */
export const outcomeOfAnswer = (value: JsonValue, detail: JsonObject): ActionOutcome => {
  const answer = readAnswer(value);
  if (typeof answer === 'string') {
    return {
      kind: 'failed',
      code: 'bad_answer',
      message: `The action's answer cannot be used: ${answer}`,
      detail,
    };
  }
  const { decision, reason, patch, output } = answer;
  const length = output === undefined ? 0 : JSON.stringify(output).length;
  const kept: JsonObject = {
    ...detail,
    ...(patch === undefined ? {} : { patch }),
    ...(output === undefined
      ? {}
      : {
          output: length <= MAX_OUTPUT_LENGTH ? output : { omitted: `the output has ${length} characters` },
        }),
  };
  if (decision === 'deny')
    return { kind: 'denied', reason: reason ?? 'the action gave no reason', detail: kept };
  return { kind: 'succeeded', ...(output === undefined ? {} : { output }), detail: kept };
};
