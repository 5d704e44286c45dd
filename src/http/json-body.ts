import { isUtf8 } from 'node:buffer';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import type { Issue } from '../kernel/errors.ts';

/** How deep a body may nest. */
const MAX_DEPTH = 64;
const MAX_ISSUES = 100;

const malformed = (message: string, hint?: string): CrucibleError =>
  new CrucibleError('malformed_request', message, hint === undefined ? {} : { hint });

const LONE_SURROGATE_OR_NUL = 'A string holds a NUL or half a surrogate pair, which no text has';

/** By hand: `/0+$/` begins anew at each zero, which of a megabyte of them takes minutes. */
const withoutZerosAtEnd = (digits: string): string => {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
};

/** The decimal that a JSON number denotes: digits without outer zeros, and the power of ten of the last one. */
const decimalOf = (source: string): string => {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = withoutZerosAtEnd(digits);
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${power}`;
};

/** Whether the number that was written is the one that was read: past 2^53 not every integer has a double. */
const isExact = (source: string, value: number): boolean =>
  Number.isFinite(value) && decimalOf(source) === decimalOf(String(value));

const isLarge = (value: number): boolean =>
  value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER;

interface Findings {
  readonly issues: Issue[];
  /** Paths of numbers past 2^53, in the order in which they stand. */
  readonly large: string[];
}

/** What the text can hold at all; a search over the text is far cheaper than looking at every string of the tree. */
interface Suspicions {
  /** Raw controls and broken UTF-8 are refused earlier, so a NUL or a lone surrogate must have been written as an escape. */
  readonly escapes: boolean;
  readonly proto: boolean;
}

const inspect = (
  value: unknown,
  path: string,
  depth: number,
  suspicions: Suspicions,
  found: Findings,
): void => {
  if (typeof value === 'string') {
    if (suspicions.escapes && (!value.isWellFormed() || value.includes('\0'))) {
      found.issues.push({ path, message: LONE_SURROGATE_OR_NUL });
    }
  } else if (typeof value === 'number') {
    if (isLarge(value)) found.large.push(path);
  } else if (typeof value === 'object' && value !== null) {
    if (depth >= MAX_DEPTH) {
      throw malformed(`The body nests deeper than ${MAX_DEPTH} levels`, 'Flatten it.');
    }
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i += 1) {
        const item: unknown = value[i];
        // Small numbers and plain strings are most of what comes: no path is built for them.
        if (needsLook(item, suspicions)) inspect(item, join(path, String(i)), depth + 1, suspicions, found);
      }
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      if (suspicions.proto && key === '__proto__') {
        found.issues.push({ path: join(path, key), message: 'The key __proto__ is not allowed' });
      }
      if (suspicions.escapes && (!key.isWellFormed() || key.includes('\0'))) {
        found.issues.push({ path, message: `A key: ${LONE_SURROGATE_OR_NUL}` });
      }
      if (needsLook(item, suspicions)) inspect(item, join(path, key), depth + 1, suspicions, found);
    }
  }
};

const needsLook = (value: unknown, suspicions: Suspicions): boolean =>
  typeof value === 'object' ||
  (typeof value === 'number' && isLarge(value)) ||
  (suspicions.escapes && typeof value === 'string');

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** The numbers past 2^53 as they were written, in the order of the tree (a repeated key keeps only its last value). */
const largeSources = (text: string): readonly { readonly source: string; readonly value: number }[] => {
  const sources: { source: string; value: number }[] = [];
  JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value === 'number' && isLarge(value)) {
      sources.push({ source: context?.source ?? '', value });
    }
    return value;
  });
  return sources;
};

const inexactIssues = (text: string, paths: readonly string[]): readonly Issue[] =>
  largeSources(text).flatMap(({ source, value }, i): Issue[] =>
    isExact(source, value)
      ? []
      : [
          {
            path: paths[i] ?? '',
            message: `The number ${source.slice(0, 40)} cannot be kept exactly`,
            hint: 'Send numbers past 2^53 as strings.',
          },
        ],
  );

/** @throws CrucibleError `malformed_request` unless it is UTF-8 */
export const textOf = (body: Buffer): string => {
  if (!isUtf8(body)) throw malformed('The body is not valid UTF-8');
  return body.toString('utf8');
};

/**
 * JSON (RFC 8259), as strict as what is stored needs it: at most 64 levels deep, no NUL and no half surrogate pairs, no
 * `__proto__`, and no number that would come back as another one.
 * @throws CrucibleError `malformed_request` (not JSON, too deep), `invalid` with every place that is wrong
 */
export const parseJson = (text: string): unknown => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(`The body is not JSON: ${messageOf(error).slice(0, 200)}`);
  }
  const escapes = text.includes('\\u');
  const found: Findings = { issues: [], large: [] };
  inspect(value, '', 0, { escapes, proto: escapes || text.includes('__proto__') }, found);
  const issues =
    found.large.length === 0 ? found.issues : [...found.issues, ...inexactIssues(text, found.large)];
  const [first] = issues;
  if (first === undefined) return value;
  throw new CrucibleError('invalid', `${first.message}, at ${first.path === '' ? 'the top' : first.path}`, {
    issues: issues.slice(0, MAX_ISSUES),
  });
};
