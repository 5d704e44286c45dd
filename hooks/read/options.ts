import type { Issue } from '../../src/kernel/errors.ts';
import type { HookDefinition, HookOptions, RetryOptions } from '../definition.ts';
import { below, readFields } from './fields.ts';
import { optional } from './optional.ts';
import * as schema from './schema.ts';

export interface ReadOptions {
  readonly options: HookOptions;
  readonly issues: readonly Issue[];
}

/** What is retried when nothing is said: a post hook three times; a pre hook never, somebody waits for it. */
const POST_RETRY: RetryOptions = {
  max_attempts: 3,
  backoff: 'exponential',
  initial_ms: 1_000,
  max_ms: 60_000,
};

const POST_TIMEOUT_MS = 30_000;
const PRE_TIMEOUT_MS = 2_000;

export const readOptions = (value: unknown, { timing, phase }: HookDefinition['trigger']): ReadOptions => {
  const pre = timing === 'pre';
  const { fields, issues } = readFields(value ?? {}, 'options', 'options', {
    timeout_ms: schema.milliseconds(schema.MAX_TIMEOUT_MS),
    retry: schema.json.optional(),
    on_error: schema.onError,
    async: schema.flag,
    debounce: schema.json.optional(),
    debounce_ms: schema.debounceMs,
    rate_limit: schema.json.optional(),
    concurrency: schema.json.optional(),
    alert_after: schema.alertAfter,
    trace: schema.flag,
  });

  const retry = part(fields.retry, 'retry', 'a retry policy', schema.retry);
  const debounce = part(fields.debounce, 'debounce', 'a debounce', schema.debounce);
  const rateLimit = part(fields.rate_limit, 'rate_limit', 'a rate limit', schema.rateLimit);
  const concurrency = part(fields.concurrency, 'concurrency', 'a concurrency limit', schema.concurrency);

  const both = fields.debounce !== undefined && fields.debounce_ms !== undefined;
  const wait = debounce.fields.wait_ms ?? fields.debounce_ms;
  const { limit, period_ms } = rateLimit.fields;
  const atOnce = concurrency.fields.limit;
  return {
    options: {
      timeout_ms: fields.timeout_ms ?? (pre ? PRE_TIMEOUT_MS : POST_TIMEOUT_MS),
      retry: retryOf(retry.fields, pre),
      ...optional(
        'on_error',
        fields.on_error ?? (pre ? (phase === 'transform' ? 'allow' : 'block') : undefined),
      ),
      async: fields.async ?? true,
      ...(wait !== undefined && {
        debounce: {
          wait_ms: wait,
          ...optional('max_wait_ms', debounce.fields.max_wait_ms),
          ...optional('key', debounce.fields.key),
          deliver: debounce.fields.deliver ?? 'last',
        },
      }),
      ...(limit !== undefined &&
        period_ms !== undefined && {
          rate_limit: { limit, period_ms, on_limit: rateLimit.fields.on_limit ?? 'queue' },
        }),
      ...(atOnce !== undefined && {
        concurrency: {
          limit: atOnce,
          ...optional('key', concurrency.fields.key),
          mode: concurrency.fields.mode ?? 'queue',
        },
      }),
      ...optional('alert_after', fields.alert_after),
      trace: fields.trace ?? false,
    },
    issues: [
      ...issues,
      ...retry.issues,
      ...debounce.issues,
      ...rateLimit.issues,
      ...concurrency.issues,
      ...(both
        ? [
            {
              path: 'options.debounce_ms',
              message: 'says the same as `debounce`',
              hint: 'keep one of the two',
            },
          ]
        : []),
    ],
  };
};

const part = <S extends Parameters<typeof readFields>[3]>(
  value: unknown,
  key: string,
  kind: string,
  shape: S,
) =>
  value === undefined
    ? readFields({}, '', kind, {} as S)
    : readFields(value, below('options', key), kind, shape);

/** A largest delay that is not given follows a first one that is larger than it. */
const retryOf = (given: Partial<RetryOptions>, pre: boolean): RetryOptions => {
  const initial = given.initial_ms ?? POST_RETRY.initial_ms;
  return {
    max_attempts: given.max_attempts ?? (pre ? 1 : POST_RETRY.max_attempts),
    backoff: given.backoff ?? POST_RETRY.backoff,
    initial_ms: initial,
    max_ms: given.max_ms ?? Math.max(POST_RETRY.max_ms, initial),
  };
};
