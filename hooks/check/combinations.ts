import type { Issue } from '../../src/kernel/errors.ts';
import type { ReadHook } from '../read/hook.ts';
import { MAX_PRE_TIMEOUT_MS } from '../read/schema.ts';

type Draft = ReadHook['draft'];

/** Options that are right each by itself and make no sense together. Those at their default say nothing. */
export const checkCombinations = (draft: Draft): readonly Issue[] => [
  ...(draft.trigger.timing === 'pre' ? checkPre(draft) : checkPost(draft)),
  ...checkTimes(draft),
];

const checkPre = ({ options, action }: Draft): readonly Issue[] => {
  const waits = 'a pre hook runs before the commit, with a writer waiting for it';
  const issues: Issue[] = [];
  for (const key of ['debounce', 'rate_limit', 'concurrency'] as const)
    if (options[key] !== undefined)
      issues.push({
        path: `options.${key}`,
        message: `does not go with \`timing: pre\`: ${waits}`,
        hint: 'use `timing: post`',
      });
  if (options.retry.max_attempts > 1)
    issues.push({
      path: 'options.retry',
      message: `does not go with \`timing: pre\`: ${waits}`,
      hint: 'leave `retry` out',
    });
  if (options.timeout_ms > MAX_PRE_TIMEOUT_MS)
    issues.push({
      path: 'options.timeout_ms',
      message: `must be at most ${MAX_PRE_TIMEOUT_MS} for a pre hook: ${waits}`,
    });
  if (!options.async)
    issues.push({
      path: 'options.async',
      message: 'says nothing on a pre hook: the writer always waits',
      hint: 'leave `async` out',
    });
  if (action?.type === 'webhook' || (action?.type === 'flow' && !action.wait))
    issues.push({
      path: 'action.type',
      message: `a pre hook needs an answer, and \`${action.type}\` gives none`,
      hint: 'use script, http or shell',
    });
  return issues;
};

const checkPost = ({ trigger, options }: Draft): readonly Issue[] => {
  const issues: Issue[] = [];
  const only = (path: string): void => {
    issues.push({
      path,
      message: 'says nothing without `timing: pre`',
      hint: 'leave it out, or set `trigger.timing: pre`',
    });
  };
  if (trigger.phase === 'transform') only('trigger.phase');
  if (trigger.order !== 100) only('trigger.order');
  if (options.on_error !== undefined) only('options.on_error');
  if (!options.async && options.debounce !== undefined)
    issues.push({
      path: 'options.async',
      message: '`async: false` makes the caller wait, and `debounce` holds the run back',
      hint: 'keep one of the two',
    });
  return issues;
};

const checkTimes = ({ options, condition }: Draft): readonly Issue[] => {
  const { retry, debounce } = options;
  const issues: Issue[] = [];
  if (retry.max_ms < retry.initial_ms)
    issues.push({
      path: 'options.retry.max_ms',
      message: `must not be less than initial_ms, ${retry.initial_ms}`,
    });
  if (debounce?.max_wait_ms !== undefined && debounce.max_wait_ms < debounce.wait_ms)
    issues.push({
      path: 'options.debounce.max_wait_ms',
      message: `must not be less than wait_ms, ${debounce.wait_ms}`,
    });
  if (debounce?.max_wait_ms !== undefined && debounce.deliver === 'first')
    issues.push({
      path: 'options.debounce.max_wait_ms',
      message: 'does not go with `deliver: first`, which waits for nothing',
      hint: 'leave it out',
    });
  if (condition.timeout_ms !== 1_000 && condition.script === undefined)
    issues.push({
      path: 'condition.timeout_ms',
      message: 'bounds `condition.script`, and there is none',
      hint: 'leave it out',
    });
  return issues;
};
