import type { z } from 'zod';
import { didYouMean } from '../../src/events/nearest.ts';
import type { Issue } from '../../src/kernel/errors.ts';

type Shape = Readonly<Record<string, z.ZodType>>;

/** What could be read of an object, and everything that is wrong with the rest. A field that is wrong is undefined. */
export interface Fields<S extends Shape> {
  readonly fields: { readonly [K in keyof S]?: Exclude<z.output<S[K]>, undefined> };
  readonly issues: readonly Issue[];
}

/** The path of a key within an object. */
export const below = (path: string, key: string | number): string =>
  path === '' ? String(key) : `${path}.${key}`;

/**
 * Reads an object field by field, so that one wrong field hides no other: unknown keys with the nearest known one,
 * missing keys, wrong values.
 * @param kind what it is, for messages: `a trigger`
 */
export const readFields = <S extends Shape>(
  value: unknown,
  path: string,
  kind: string,
  shape: S,
): Fields<S> => {
  if (!isObject(value))
    return { fields: {}, issues: [{ path, message: `must be ${kind}: keys and values`, ...got(value) }] };
  const known = Object.keys(shape);
  const issues = Object.keys(value)
    .filter((key) => !Object.hasOwn(shape, key))
    .map((key) => unknownKey(key, path, kind, known));
  const fields: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(shape)) {
    const written = Object.hasOwn(value, key) ? value[key] : undefined;
    const result = schema.safeParse(written);
    if (result.success) {
      if (result.data !== undefined) fields[key] = result.data;
    } else {
      issues.push(...issuesOfZod(result.error, written, below(path, key)));
    }
  }
  return { fields: fields as Fields<S>['fields'], issues };
};

const unknownKey = (key: string, path: string, kind: string, known: readonly string[]): Issue => ({
  path: below(path, key),
  message: `unknown key \`${key.slice(0, 100)}\` in ${kind}`,
  ...(didYouMean(key, known) ?? { hint: `its keys are ${known.join(', ')}` }),
});

/** Every issue of a zod error in our words: what was expected, where. */
const issuesOfZod = (error: z.ZodError, input: unknown, path: string): readonly Issue[] =>
  error.issues.flatMap((issue): readonly Issue[] => {
    const at = [path, ...issue.path.map(String)].filter((part) => part !== '').join('.');
    const written = issue.path.reduce<unknown>(
      (node, key) => (isObject(node) || Array.isArray(node) ? Reflect.get(node, key) : undefined),
      input,
    );
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path: below(at, key), message: `unknown key \`${key}\`` }));
      case 'invalid_type':
        if (written === undefined) return [{ path: at, message: 'is missing' }];
        return [{ path: at, message: `must be ${nameOfType(issue.expected)}`, ...got(written) }];
      case 'invalid_value':
        return [wrongWord(written, issue.values.map(String), at)];
      default:
        return [{ path: at, message: issue.message }];
    }
  });

/** How many words a message lists. */
const MAX_LISTED = 8;

const wrongWord = (written: unknown, known: readonly string[], path: string): Issue => {
  if (written === undefined) return { path, message: 'is missing' };
  const list = known.slice(0, MAX_LISTED).map((word) => `\`${word}\``);
  const message = `must be ${list.join(' or ')}${known.length > MAX_LISTED ? ' or another of its kind' : ''}`;
  return { path, message, ...(typeof written === 'string' ? didYouMean(written, known) : got(written)) };
};

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const got = (value: unknown): { hint: string } => ({ hint: `this is ${describe(value)}` });

const describe = (value: unknown): string => {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number' || typeof value === 'boolean')
    return `the ${typeof value === 'number' ? 'number' : 'truth value'} ${String(value)}; for text, put it in quotes`;
  return typeof value === 'object' ? 'keys and values' : 'text';
};

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys and values',
  record: 'keys and values',
};

const nameOfType = (type: string): string => TYPE_NAMES[type] ?? `a ${type}`;
