import type { HookAction } from '../../hooks/definition.ts';
import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import type { CompiledTemplate } from '../../src/events/template.ts';
import type { JsonObject } from '../../src/kernel/json.ts';
import type { Sandbox, ScriptResult } from '../../src/sandbox/sandbox.ts';
import { actionInput } from './action-input.ts';
import type { ActionRun } from './action-input.ts';
import { outcomeOfAnswer } from './answer.ts';
import { capabilitiesFor } from './capabilities.ts';
import type { CapabilityDeps } from './capabilities.ts';

export interface ScriptDeps extends CapabilityDeps {
  readonly sandbox: Sandbox;
}

/** Limits that a busy machine can bring about; the others are met by every attempt alike. */
const MAY_PASS = new Set(['timeout', 'cpu']);

/** The outcome of a script that gave no result. */
export const outcomeOfEnd = (result: Exclude<ScriptResult, { kind: 'returned' }>): ActionOutcome => {
  switch (result.kind) {
    case 'lost':
      return { kind: 'retryable', code: 'script_lost', message: result.message, detail: {} };
    case 'threw':
      return {
        kind: 'retryable',
        code: 'script_error',
        message: result.message,
        detail: { log: result.log },
      };
    case 'exceeded': {
      const code = result.limit === 'timeout' ? 'timeout' : `script_${result.limit}`;
      const detail: JsonObject = { log: result.log };
      return {
        kind: MAY_PASS.has(result.limit) ? 'retryable' : 'failed',
        code,
        message: result.message,
        detail,
      };
    }
  }
};

export const runScriptAction = async (
  run: ActionRun,
  action: HookAction & { type: 'script' },
  inputs: CompiledTemplate,
  deps: ScriptDeps,
): Promise<ActionOutcome> => {
  const result = await deps.sandbox.run({
    source: action.source,
    name: action.file ?? `${run.hook.name}.js`,
    input: actionInput(run, inputs.render(run.scope)),
    capabilities: capabilitiesFor(run, deps),
    timeoutMs: Math.min(run.hook.options.timeout_ms, run.timeLeftMs()),
    signal: run.context.signal,
  });
  if (result.kind !== 'returned') return outcomeOfEnd(result);
  return outcomeOfAnswer(result.value, { log: result.log, cpu_ms: result.cpuMs });
};

/** What a hook's `condition.script` says; undefined: go on. It has no capabilities but its log. */
export const runCondition = async (
  run: ActionRun,
  script: string,
  sandbox: Sandbox,
): Promise<ActionOutcome | undefined> => {
  const { timeout_ms: timeoutMs } = run.hook.condition;
  const result = await sandbox.run({
    source: script,
    name: 'condition.js',
    input: actionInput(run, null),
    capabilities: {},
    timeoutMs: Math.min(timeoutMs, run.timeLeftMs()),
    signal: run.context.signal,
  });
  if (result.kind !== 'returned') {
    const outcome = outcomeOfEnd(result);
    if (outcome.kind !== 'retryable' && outcome.kind !== 'failed') return outcome;
    const message = `The condition's script failed: ${outcome.message}`;
    // What a condition threw is an expression error: it will throw again.
    return result.kind === 'threw'
      ? { kind: 'failed', code: 'condition_error', message, detail: outcome.detail }
      : { ...outcome, message };
  }
  if (result.value === true) return undefined;
  const detail: JsonObject = { log: result.log, cpu_ms: result.cpuMs };
  if (result.value === false) return { kind: 'skipped', reason: 'condition', detail };
  const message = "The condition's script must return true or false";
  return { kind: 'failed', code: 'condition_error', message, detail };
};
