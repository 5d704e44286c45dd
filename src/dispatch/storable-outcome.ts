import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { ActionOutcome } from './outcome.ts';

/** Well below what an event may nest, and far below what the stack can take. */
const MAX_DEPTH = 48;

/** NUL and half surrogate pairs are what stores and readers of text stumble over. */
const storableText = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD');

const storable = (value: JsonValue, depth = 0): JsonValue => {
  if (typeof value === 'string') return storableText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return { omitted: 'this part is nested too deeply to be kept' };
  return Array.isArray(value)
    ? (value as readonly JsonValue[]).map((item) => storable(item, depth + 1))
    : storableObject(value as JsonObject, depth);
};

const storableObject = (object: JsonObject, depth = 0): JsonObject =>
  Object.fromEntries(
    Object.entries(object).map(([key, field]) => [storableText(key), storable(field, depth + 1)]),
  );

/**
 * The outcome as rows and events can hold it, whatever an action has answered. Without this, an answer that cannot be
 * written would be asked for again and again: the attempt would be executed without end, and never recorded.
 */
export const storableOutcome = (outcome: ActionOutcome): ActionOutcome => {
  const detail = storableObject(outcome.detail);
  switch (outcome.kind) {
    case 'succeeded':
      return {
        ...outcome,
        detail,
        ...(outcome.output !== undefined && { output: storable(outcome.output) }),
      };
    case 'denied':
      return { ...outcome, detail, reason: storableText(outcome.reason) };
    case 'skipped':
      return {
        ...outcome,
        detail,
        ...(outcome.because !== undefined && { because: storableText(outcome.because) }),
      };
    case 'retryable':
    case 'failed':
      return { ...outcome, detail, message: storableText(outcome.message) };
  }
};
