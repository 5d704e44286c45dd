import type { HookDefinition } from '../../hooks/definition.ts';
import type { ActionOutcome, AttemptContext, Executor } from '../../src/dispatch/outcome.ts';
import type { Target } from '../../src/dispatch/target.ts';
import { TemplateError } from '../../src/events/template.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import { templateScope } from './action-input.ts';
import type { ActionRun } from './action-input.ts';
import { runHttpAction } from './http.ts';
import { ATTEMPT_MARGIN_MS, policyOf } from './policy.ts';
import { prepareAction } from './prepare.ts';
import type { PreparedAction } from './prepare.ts';
import { runCondition, runScriptAction } from './script.ts';
import type { ScriptDeps } from './script.ts';
import { redacted } from './redacted.ts';
import { createSecretReader } from './secrets.ts';
import { runShellAction } from './shell.ts';
import type { ShellDeps } from './shell.ts';

export interface HookExecutorDeps extends ScriptDeps, ShellDeps {
  readonly clock: Clock;
  /** The hook as it is registered now; undefined: it is not any more. */
  readonly targetOf: (id: string) => Pick<Target, 'enabled'> | undefined;
  /** Undefined: there is no such secret. Read when it is rendered, so that a changed one needs no restart. */
  readonly readSecret: (name: string) => string | undefined;
}

/** A definition as it was stored under its hash: it was checked when it was registered, and is never changed. */
const asHook = (definition: JsonObject): HookDefinition => definition as unknown as HookDefinition;

/** Whoever switches a hook off, or removes it, wants what still waits or retries to stop too. */
const switchedOff = (target: Pick<Target, 'enabled'> | undefined): ActionOutcome => ({
  kind: 'skipped',
  reason: 'disabled',
  because: target === undefined ? 'the hook has been removed' : 'the hook is disabled',
  detail: {},
});

/**
 * Executes the actions of hooks, one attempt at a time. Guarantees: what an action does wrong is an outcome and never
 * thrown; nothing that it started outlives the attempt; no outcome holds a secret that was rendered for it.
 */
export const createHookExecutor = (deps: HookExecutorDeps): Executor => {
  /** By object: whoever gives the same stored definition again finds its templates compiled. */
  const prepared = new WeakMap<JsonObject, PreparedAction>();

  const prepare = (definition: JsonObject): PreparedAction => {
    const known = prepared.get(definition);
    if (known !== undefined) return known;
    const action = prepareAction(asHook(definition).action);
    prepared.set(definition, action);
    return action;
  };

  const act = async (run: ActionRun): Promise<ActionOutcome> => {
    const action = prepare(run.context.definition);
    const { script } = run.hook.condition;
    if (script !== undefined) {
      const stopped = await runCondition(run, script, deps.sandbox);
      if (stopped !== undefined) return stopped;
    }
    switch (action.type) {
      case 'script':
        return runScriptAction(run, action.action, action.inputs, deps);
      case 'shell':
        return runShellAction(run, action, deps);
      case 'http':
        return runHttpAction(run, action, deps);
      case 'flow':
      case 'webhook':
        return {
          kind: 'failed',
          code: 'not_available',
          message: `Actions of type ${action.type} are not available yet`,
          detail: {},
        };
    }
  };

  return {
    async execute(context: AttemptContext) {
      const target = deps.targetOf(context.run.target);
      if (target?.enabled !== true) return switchedOff(target);
      const hook = asHook(context.definition);
      const secrets = createSecretReader(deps.readSecret);
      const run: ActionRun = {
        context,
        hook,
        secrets,
        scope: templateScope(context, hook, secrets),
        // The margin is what an action that hangs is ended and told of in.
        timeLeftMs: () => Math.max(1, context.deadline - ATTEMPT_MARGIN_MS / 2 - deps.clock.now()),
      };
      try {
        return redacted(await act(run), secrets);
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        return { kind: 'failed', code: 'bad_template', message: secrets.redact(error.message), detail: {} };
      }
    },
    policy: (definition) => policyOf(asHook(definition)),
  };
};
