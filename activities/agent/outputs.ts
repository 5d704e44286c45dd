import type { AgentAction } from '../../src/agents/input.ts';
import { checkOf } from '../../src/events/schema-check.ts';
import { depthOf } from '../../src/events/schema-bounds.ts';
import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';

/** What the ledger keeps of an action, as JSON text. */
export const MAX_OUTPUTS = 65_536;
/** Deeper than any answer needs to be, and shallow enough to be kept whole. */
const MAX_DEPTH = 32;
const MAX_TOLD = 5;

/** The outcome of an action that was carried out and gave this back. */
export const outcomeOfOutputs = (
  outputs: JsonValue,
  { name, outputs: schema }: AgentAction,
  detail: JsonObject,
): ActionOutcome => {
  const failed = (code: string, message: string): ActionOutcome => ({
    kind: 'failed',
    code,
    message,
    detail,
  });
  if (depthOf(outputs) > MAX_DEPTH)
    return failed('outputs_too_large', `The outputs of ${name} nest deeper than ${MAX_DEPTH} levels`);
  const { length } = JSON.stringify(outputs);
  if (length > MAX_OUTPUTS)
    return failed(
      'outputs_too_large',
      `The outputs of ${name} have ${length} characters as JSON, and may have ${MAX_OUTPUTS}`,
    );
  const issues = checkOf(schema)(outputs);
  if (issues.length > 0) {
    const told = issues.slice(0, MAX_TOLD).map(({ path, message }) => `${path} ${message}`.trim());
    const more = issues.length > MAX_TOLD ? `; and ${issues.length - MAX_TOLD} more` : '';
    return failed(
      'outputs_invalid',
      `The outputs of ${name} do not fit its schema: ${told.join('; ')}${more}`,
    );
  }
  return { kind: 'succeeded', output: outputs, detail: { ...detail, output: outputs } };
};
