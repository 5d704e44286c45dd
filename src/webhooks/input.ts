import { z } from 'zod';
import type { Issue } from '../kernel/errors.ts';
import { didYouMean } from '../events/nearest.ts';
import { problemOfHeaderName, problemOfHeaderValue } from '../egress/header-rules.ts';
import { RETRY_ON_TERM } from './response-rules.ts';
import { problemOfSigningSecret } from './signing-secret.ts';

/** A check that says what is wrong, or undefined. Its message never holds the value: it may be a secret. */
const text = (max: number, problem: (value: string) => string | undefined) =>
  z.string().check((context) => {
    const found = context.value.length > max ? `is longer than ${max} characters` : problem(context.value);
    if (found !== undefined) context.issues.push({ code: 'custom', message: found, input: undefined });
  });

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const plain = (value: string): string | undefined => {
  if (value.trim() === '') return 'is empty';
  if (CONTROL.test(value)) return 'holds a control character';
  return value.isWellFormed() ? undefined : 'holds half a surrogate pair';
};

/** Only whether it can be read; whether it may be reached is for the egress guard. */
const problemOfUrl = (value: string): string | undefined => {
  if (CONTROL.test(value) || /\s/.test(value)) return 'holds a space or a control character';
  const url = URL.parse(value);
  if (url === null) return 'is not an absolute URL, e.g. https://example.com/hooks';
  return url.hash === '' ? undefined : 'has a fragment (`#…`), which is never sent';
};

const headerName = (forAuth: boolean) => text(256, (name) => problemOfHeaderName(name, forAuth));
const headerValue = text(8_192, problemOfHeaderValue);

const MAX_HEADERS = 32;
/** Leaves the HTTP client's own bound room for ours. */
const MAX_HEADER_CHARACTERS = 16_384;
const headersSchema = z.record(headerName(false), headerValue).check((context) => {
  const names = Object.keys(context.value);
  if (names.length > MAX_HEADERS) push(context, `has more than ${MAX_HEADERS} headers`);
  const size = Object.entries(context.value).reduce(
    (sum, [name, value]) => sum + name.length + value.length + 4,
    0,
  );
  if (size > MAX_HEADER_CHARACTERS)
    push(context, `is larger than ${MAX_HEADER_CHARACTERS} characters together`);
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name.toLowerCase())) push(context, 'is given twice, in different spellings', name);
    seen.add(name.toLowerCase());
  }
});

const DAY_MS = 86_400_000;
const retrySchema = z
  .strictObject({
    preset: z.enum(['default', 'quick']).optional(),
    backoff: z.enum(['fixed', 'linear', 'exponential']).optional(),
    max_attempts: z.int().min(1).max(50).optional(),
    initial_ms: z.int().min(1).max(DAY_MS).optional(),
    max_ms: z.int().min(1).max(DAY_MS).optional(),
    on: z
      .array(
        text(16, (term) =>
          RETRY_ON_TERM.test(term) ? undefined : 'is not `4xx`, `5xx`, a status of those, or `timeout`',
        ),
      )
      .max(50)
      .optional(),
  })
  .check((context) => {
    const { preset, backoff, initial_ms: initialMs, max_ms: maxMs } = context.value;
    if (preset !== undefined && backoff !== undefined) {
      push(context, 'excludes `preset`: give one of the two', 'backoff');
    }
    const without = backoff === undefined;
    if (without && initialMs !== undefined) push(context, 'needs `backoff`', 'initial_ms');
    if (without && maxMs !== undefined) push(context, 'needs `backoff`', 'max_ms');
    if (backoff === 'fixed' && maxMs !== undefined)
      push(context, 'means nothing with `backoff: fixed`', 'max_ms');
    if (initialMs !== undefined && maxMs !== undefined && maxMs < initialMs) {
      push(context, 'is less than `initial_ms`', 'max_ms');
    }
  });

const HMAC_SECRET_MIN = 16;
const secretText = (min: number) =>
  text(4_096, (value) => {
    if (value.length < min) return `is too short: ${value.length} characters, at least ${min}`;
    return value.isWellFormed() ? undefined : 'holds half a surrogate pair';
  });

const authSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('bearer'),
    // RFC 6750, section 2.1, but with every visible character: tokens in the wild have them.
    token: text(4_096, (value) =>
      /^[\x21-\x7e]+$/.test(value) ? undefined : 'must be visible ASCII without spaces',
    ),
  }),
  z.strictObject({
    type: z.literal('hmac'),
    secret: secretText(HMAC_SECRET_MIN),
    algorithm: z.literal('sha256').default('sha256'),
  }),
  z.strictObject({
    type: z.literal('basic'),
    // RFC 7617, section 2: the first colon ends the user name, and control characters are excluded.
    username: text(512, (value) => (value.includes(':') ? 'holds a colon' : plain(value))),
    password: text(4_096, (value) => {
      if (CONTROL.test(value)) return 'holds a control character';
      return value.isWellFormed() ? undefined : 'holds half a surrogate pair';
    }),
  }),
  z.strictObject({ type: z.literal('header'), name: headerName(true), value: headerValue }),
]);

const optionsSchema = z.strictObject({
  retry: retrySchema.default({}),
  timeout_ms: z.int().min(100).max(60_000).default(15_000),
  headers: headersSchema.default({}),
  format: z.enum(['crucible', 'cloudevents']).default('crucible'),
  max_in_flight: z.int().min(1).max(256).default(8),
});

const WORLD_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const world = text(64, (value) =>
  WORLD_NAME.test(value) ? undefined : 'must name one world: letters, digits, dots, dashes and underscores',
);

const inputSchema = z
  .strictObject({
    url: text(2_048, problemOfUrl),
    name: text(100, plain).optional(),
    // What filters may say is for `src/events`.
    filters: z.unknown().optional(),
    worlds: z.array(world).min(1).max(100).optional(),
    auth: authSchema.optional(),
    secret: text(256, problemOfSigningSecret).optional(),
    options: optionsSchema.prefault({}),
    enabled: z.boolean().default(true),
  })
  .check((context) => {
    const { auth, options } = context.value;
    if (auth?.type !== 'header') return;
    const name = Object.keys(options.headers).find((key) => key.toLowerCase() === auth.name.toLowerCase());
    if (name !== undefined) push(context, 'is also the header of `auth`', 'options', 'headers', name);
  });

/** A webhook input that has been read, its defaults filled in. The filters and the address are still to be judged. */
export type ReadInput = z.output<typeof inputSchema>;

interface IssueSink {
  readonly issues: z.core.$ZodRawIssue[];
}

/** Adds an issue. The value is left out on purpose. */
function push(context: IssueSink, message: string, ...path: readonly string[]): void {
  context.issues.push({ code: 'custom', message, path: [...path], input: undefined });
}

/** Reads what a client sent. All that is wrong at once; `value` only if nothing is. */
export function readInput(input: unknown): { readonly value?: ReadInput; readonly issues: readonly Issue[] } {
  const result = inputSchema.safeParse(input);
  const issues = [...(result.success ? [] : result.error.issues.flatMap(toIssues)), ...inertKeys(input)];
  return result.success && issues.length === 0 ? { value: result.data, issues } : { issues };
}

/** The one key that zod passes over without a word. What is passed over was not what its writer meant. */
function inertKeys(value: unknown): readonly Issue[] {
  if (typeof value !== 'object' || value === null) return [];
  return ['', 'options', 'options.headers', 'options.retry', 'auth'].flatMap((at) => {
    const part = at
      .split('.')
      .reduce<unknown>((whole, key) => (key === '' ? whole : fieldOf(whole, key)), value);
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, '__proto__')) return [];
    return [{ path: at === '' ? '__proto__' : `${at}.__proto__`, message: 'is not a known field' }];
  });
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;

/** By path, for hints. */
const KNOWN_FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(inputSchema.shape),
  options: Object.keys(optionsSchema.shape),
  'options.retry': Object.keys(retrySchema.shape),
  auth: authSchema.options.flatMap((option) => Object.keys(option.shape)),
};

function toIssues(issue: z.core.$ZodIssue): readonly Issue[] {
  const at = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = KNOWN_FIELDS[at.join('.')] ?? [];
    return issue.keys.map((key) => ({
      path: [...at, key].join('.'),
      message: 'is not a known field',
      ...didYouMean(key, known),
    }));
  }
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    return [{ path: at.join('.'), message: 'must be bearer, hmac, basic or header' }];
  }
  // A header's name is a key: what is wrong with it lies one level down.
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({ path: at.join('.'), message: inner.message }));
  }
  return [{ path: at.join('.'), message: issue.message }];
}
