import type { AgentAction } from '../../src/agents/input.ts';
import type { AgentDefinition } from '../../src/agents/rows.ts';
import type { AttemptContext } from '../../src/dispatch/outcome.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { SecretReader } from '../actions/secrets.ts';

/** One attempt at one action: what every kind of handler works from. */
export interface ActionAttempt {
  readonly context: AttemptContext;
  readonly agent: AgentDefinition;
  readonly action: AgentAction;
  /** What the handler is told: the body of a request, the argument of a script, the fields of a message. */
  readonly request: JsonObject;
  readonly secrets: SecretReader;
  readonly timeoutMs: number;
}
