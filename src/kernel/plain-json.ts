import type { Issue } from './errors.ts';

/** How deep a value may nest: what people write is below 10. */
const MAX_DEPTH = 32;

/** How many values it may hold, aliases counted each time they are used. */
const MAX_VALUES = 10_000;

/**
 * Everything that keeps a value from being plain JSON that the log can store and give back exactly: other types of
 * YAML, numbers beyond 2^53, half characters, `__proto__`, cycles (by their depth) and sheer size. Empty: it is.
 */
export const plainJsonIssues = (value: unknown): readonly Issue[] => {
  const issues: Issue[] = [];
  let left = MAX_VALUES;

  const walk = (node: unknown, path: string, depth: number): void => {
    left -= 1;
    if (left === 0)
      issues.push({
        path: '',
        message: `it holds more than ${MAX_VALUES.toLocaleString('en')} values`,
      });
    if (left <= 0) return;
    const problem = scalarProblem(node);
    if (problem !== undefined) issues.push({ path, ...problem });
    if (typeof node !== 'object' || node === null || problem !== undefined) return;
    if (depth >= MAX_DEPTH) {
      issues.push({ path, message: `nests deeper than ${MAX_DEPTH} levels` });
      left = 0;
      return;
    }
    for (const [key, field] of Object.entries(node)) {
      const at = path === '' ? key : `${path}.${key}`;
      if (key === '__proto__') issues.push({ path: at, message: 'a key must not be called `__proto__`' });
      else if (!key.isWellFormed() || key.includes('\0'))
        issues.push({ path, message: 'a key holds NUL or half a character' });
      else walk(field, at, depth + 1);
    }
  };

  walk(value, '', 0);
  return issues;
};

const scalarProblem = (value: unknown): { message: string; hint?: string } | undefined => {
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'string':
      if (!value.isWellFormed()) return { message: 'the text holds half a character (a lone surrogate)' };
      return value.includes('\0') ? { message: 'the text holds a NUL character' } : undefined;
    case 'number':
      if (!Number.isFinite(value)) return { message: `${value} is not a number that JSON knows` };
      if (Number.isInteger(value) && !Number.isSafeInteger(value))
        return { message: 'the number is too large to be kept exactly', hint: 'write it as text, in quotes' };
      return undefined;
    case 'object':
      if (value === null || Array.isArray(value)) return undefined;
      return isPlain(value)
        ? undefined
        : { message: 'this kind of value is not JSON', hint: 'write it as text, in quotes' };
    default:
      return { message: `a ${typeof value} is not a JSON value` };
  }
};

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
