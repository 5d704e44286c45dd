import type { HookDefinition } from '../../hooks/definition.ts';
import type { AttemptPolicy } from '../../src/dispatch/outcome.ts';

/** Runs of one hook that its drain keeps under way: requests wait, commands take a process each, scripts a sandbox. */
const IN_FLIGHT: Readonly<Partial<Record<HookDefinition['action']['type'], number>>> = {
  http: 64,
  webhook: 64,
  shell: 4,
  script: 16,
};

/** Spreads the attempts of many runs that failed together. */
const JITTER = 0.1;

/** To render, to queue and to end a process tree takes a moment of the attempt besides the action's own time, ms. */
export const ATTEMPT_MARGIN_MS = 2_000;

/**
 * What a hook's options come to. Pure. An attempt may take a little longer than its action, so that an action that
 * hangs is met by its own time-out, with a detail that says so, and not by an abort.
 */
export const policyOf = ({ action, condition, options, permissions }: HookDefinition): AttemptPolicy => {
  const { max_attempts, backoff, initial_ms, max_ms } = options.retry;
  const maxMs = Math.max(initial_ms, max_ms);
  return {
    timeoutMs:
      options.timeout_ms + (condition.script === undefined ? 0 : condition.timeout_ms) + ATTEMPT_MARGIN_MS,
    maxAttempts: max_attempts,
    schedule:
      backoff === 'fixed'
        ? { kind: 'fixed', initialMs: initial_ms }
        : { kind: backoff, initialMs: initial_ms, maxMs },
    jitter: JITTER,
    // A script is short by its processor limit; one that may wait for the network is not.
    local: action.type === 'script' && !permissions.includes('http:fetch'),
    traced: options.trace,
    maxInFlight: IN_FLIGHT[action.type] ?? 16,
  };
};
