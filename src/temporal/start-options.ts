import { CrucibleError } from '../kernel/errors.ts';
import type { AttemptPolicy } from '../dispatch/outcome.ts';
import type { Run, RunKind } from '../dispatch/run.ts';
import type { RunInput } from '../../workflows/protocol.ts';

/** Which workflow (by its exported name) runs which kind of run. */
const WORKFLOW_TYPES: Readonly<Partial<Record<RunKind, string>>> = {
  hook: 'hook',
  webhook: 'delivery',
  agent: 'action',
};

/** @throws CrucibleError `internal`: a run of this kind must not have been made */
export const workflowTypeOf = (run: Run): string => {
  const type = WORKFLOW_TYPES[run.kind];
  if (type !== undefined) return type;
  throw new CrucibleError('internal', `There is no workflow for a run of kind ${run.kind} (${run.id}).`);
};

/**
 * The workflow's input: where the ledger stands, so that a run which was taken over goes on and does not begin again.
 * Only a first attempt that is due at once is worth being local: others do not wait for milliseconds.
 */
export const runInput = (run: Run, policy: AttemptPolicy, now: number): RunInput => {
  const delayMs = firstDelayMs(run, policy, now);
  return {
    run_id: run.id,
    generation: run.generation,
    attempt: run.attempts + 1,
    delay_ms: delayMs,
    timeout_ms: policy.timeoutMs,
    local: policy.local && run.attempts === 0 && delayMs === 0,
  };
};

const firstDelayMs = (run: Run, policy: AttemptPolicy, now: number): number => {
  if (run.due_at !== null) return Math.max(0, Math.ceil(run.due_at - now));
  if (run.attempts > 0 || policy.schedule.kind !== 'table') return 0;
  return policy.schedule.delaysMs[0] ?? 0;
};

/** Temporal refuses a longer one. Bytes. */
const MAX_SUMMARY = 400;

/** `notify-important <- memory.tagged evt_…`: what a list of workflows shows of one. */
export const summaryOf = (run: Run): string => {
  const name = run.target.slice(run.target.indexOf(':') + 1);
  const whole = `${name} <- ${run.event_type} ${run.event_id}`;
  if (Buffer.byteLength(whole) <= MAX_SUMMARY) return whole;
  // A cut inside a character leaves a replacement character of three bytes behind.
  return `${Buffer.from(whole)
    .subarray(0, MAX_SUMMARY - 6)
    .toString()}…`;
};

/** Markdown, for the page of one workflow. */
export const detailsOf = (run: Run): string =>
  [
    `- run \`${run.id}\`, generation ${run.generation}`,
    `- target \`${run.target}\`, definition \`${run.definition.slice(0, 12)}\``,
    `- event \`${run.event_id}\` (\`${run.event_type}\`) at position ${run.event_position}, world \`${run.world}\``,
    `- correlation \`${run.correlation_id}\`, depth ${run.depth}`,
  ].join('\n');
