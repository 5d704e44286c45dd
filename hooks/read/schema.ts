/** The leaves of a hook: what each key may hold, and its bounds. What keys mean together is checked elsewhere. */
import { z } from 'zod';
import type { JsonValue } from '../../src/kernel/json.ts';

/** Longest time-outs, ms: a hook's action, and a pre hook's, which a writer waits for. */
export const MAX_TIMEOUT_MS = 600_000;
export const MAX_PRE_TIMEOUT_MS = 5_000;
export const MAX_CONDITION_TIMEOUT_MS = 10_000;

const DAY_MS = 86_400_000;

/** `[a-z0-9-]`, 64 characters at most: it is part of workflow ids and addresses. */
export const HOOK_NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/** Its address is that of the check: no hook is to be had there. */
const RESERVED_NAME = 'validate';

const SEMVER =
  /^(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?$/;

const whole = (least: number, most: number): z.ZodType<number> =>
  z
    .number()
    .refine(Number.isInteger, 'must be a whole number')
    .refine((value) => value >= least && value <= most, {
      error: `must be from ${least.toLocaleString('en')} to ${most.toLocaleString('en')}`,
    });

const text = (most: number): z.ZodType<string> =>
  z.string().refine((value) => value.length <= most, {
    error: `must have at most ${most.toLocaleString('en')} characters`,
  });

const filled = (most: number): z.ZodType<string> =>
  text(most).refine((value) => value.trim() !== '', { error: 'must not be empty' });

/** Any JSON; that it is JSON has been checked before. */
export const json = z.custom<JsonValue>((value) => value !== undefined, 'is missing');

export const name = z
  .string()
  .refine((value) => HOOK_NAME.test(value), 'must be 1 to 64 of a-z, 0-9 and -, with no - at either end')
  .refine(
    (value) => value !== RESERVED_NAME,
    'is taken by the API (POST /hooks/validate): choose another name',
  );

export const description = text(1_000).optional();

export const version = z
  .string()
  .refine((value) => SEMVER.test(value), 'must be a version of three numbers, e.g. "1.0.0" (semver.org)')
  .optional();

export const flag = z.boolean().optional();

export const worlds = z
  .array(
    z
      .string()
      .refine((value) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value), 'is not the name of a world'),
  )
  .refine((value) => value.length > 0 && value.length <= 100, 'must name 1 to 100 worlds')
  .refine((value) => new Set(value).size === value.length, 'names a world twice')
  .optional();

/** What a script's `crucible` object offers only to a hook that says so. */
export const PERMISSIONS = [
  'memory:read',
  'memory:write',
  'graph:read',
  'events:emit',
  'events:query',
  'flows:trigger',
  'http:fetch',
] as const;

export const permissions = z
  .array(z.enum(PERMISSIONS))
  .refine((value) => new Set(value).size === value.length, 'names a permission twice')
  .optional();

export const timing = z.enum(['pre', 'post']).optional();
export const phase = z.enum(['transform', 'validate']).optional();
export const order = whole(0, 10_000).optional();
export const expression = filled(4_096).optional();
export const script = filled(64 * 1024).optional();
export const milliseconds = (most: number) => whole(1, most).optional();

/** Read on by `src/events`. */
export const events = z.custom<JsonValue>(
  (value) => value !== undefined,
  'is missing; e.g. `events: [{ type: memory.tagged }]`',
);

export const someMapping = z.record(z.string(), json);
export const mapping = someMapping.optional();

export const retry = {
  max_attempts: whole(1, 50).optional(),
  backoff: z.enum(['fixed', 'linear', 'exponential']).optional(),
  initial_ms: whole(1, DAY_MS).optional(),
  max_ms: whole(1, 7 * DAY_MS).optional(),
};

const key = filled(1_000).optional();

export const debounce = {
  wait_ms: whole(1, DAY_MS),
  max_wait_ms: whole(1, 7 * DAY_MS).optional(),
  key,
  deliver: z.enum(['first', 'last']).optional(),
};

export const rateLimit = {
  limit: whole(1, 1_000_000),
  period_ms: whole(1, 7 * DAY_MS),
  on_limit: z.enum(['queue', 'drop']).optional(),
};

export const concurrency = {
  limit: whole(1, 10_000),
  key,
  mode: z.enum(['queue', 'skip', 'cancel']).optional(),
};

export const debounceMs = whole(1, DAY_MS).optional();
export const onError = z.enum(['allow', 'block']).optional();
export const alertAfter = whole(1, 1_000_000).optional();

export const documentation = (most: number) => text(most).optional();

/** In a hook file the documentation is the Markdown. */
export const noDocumentation: z.ZodType<string | undefined> = z.custom<string | undefined>(
  (value) => value === undefined,
  'is not a key of a hook file: write the text below the front matter',
);

export const fileName = filled(255).optional();
export const command = z
  .array(text(8_192))
  .refine((value) => value.length > 0 && value.length <= 200, 'must hold 1 to 200 words')
  .optional();
export const shellScript = filled(64 * 1024).optional();
export const texts = z.record(z.string(), text(8_192)).optional();
export const method = z
  .string()
  .transform((value) => value.toUpperCase())
  .pipe(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']))
  .optional();
export const url = filled(2_048);
export const named = filled(200);
