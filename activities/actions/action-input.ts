import type { HookDefinition } from '../../hooks/definition.ts';
import type { AttemptContext } from '../../src/dispatch/outcome.ts';
import type { TemplateScope } from '../../src/events/template.ts';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';
import type { SecretReader } from './secrets.ts';

/** One attempt at one hook's action: what every kind of action works from. */
export interface ActionRun {
  readonly context: AttemptContext;
  readonly hook: HookDefinition;
  readonly secrets: SecretReader;
  readonly scope: TemplateScope;
  /** What may be used of the attempt's time, ms, at the moment of asking; never less than 1. */
  readonly timeLeftMs: () => number;
}

/** What an action is told, the same for all kinds: as the argument of a script, on the stdin of a command, as a body. */
export const actionInput = ({ context, hook }: ActionRun, inputs: JsonValue): JsonObject => ({
  event: context.event as unknown as JsonObject,
  hook: { name: hook.name, version: hook.version },
  attempt: context.attempt,
  run_id: context.run.id,
  idempotency_key: context.idempotencyKey,
  dry_run: false,
  deadline: new Date(context.deadline).toISOString(),
  inputs,
});

/** What the templates of an action may name. */
export const templateScope = (
  context: AttemptContext,
  hook: HookDefinition,
  secrets: SecretReader,
): TemplateScope => ({
  event: context.event,
  run: {
    id: context.run.id,
    generation: context.run.generation,
    key: context.run.key,
    world: context.run.world,
    correlation_id: context.run.correlation_id,
    idempotency_key: context.idempotencyKey,
  },
  hook: { name: hook.name, version: hook.version },
  attempt: context.attempt,
  secrets: secrets.read,
});
