import { Environment } from '@marcbachmann/cel-js';
import { compileRegex, MAX_PATTERN_LENGTH, type TextMatcher } from '../regex.ts';

/** Bounds of one expression. */
export const MAX_EXPRESSION_LENGTH = 2_000;
const LIMITS = {
  maxAstNodes: 500,
  maxDepth: 32,
  maxListElements: 200,
  maxMapEntries: 100,
  maxCallArguments: 8,
};

/** How `matches` is called once `analyse` has renamed it: the library's own runs expressions that may never end. */
export const LINEAR_MATCHES = 'matchesLinear';

const MAX_CACHED_PATTERNS = 200;

/** CEL as we run it, without variables. Clone it to add some. */
export const createBaseEnvironment = (): Environment => {
  const environment = new Environment({ limits: LIMITS, homogeneousAggregateLiterals: false });
  const number = (value: bigint | number): number => Number(value);
  const arithmetic = {
    '+': (a: number, b: number) => a + b,
    '-': (a: number, b: number) => a - b,
    '*': (a: number, b: number) => a * b,
    '/': (a: number, b: number) => a / b,
  };
  // Payload numbers are doubles and literals like `1` are ints: without these, `event.payload.n + 1` has no meaning.
  for (const [operator, apply] of Object.entries(arithmetic)) {
    environment.registerOperator(`int ${operator} double: double`, (a: bigint, b: number) =>
      apply(number(a), b),
    );
    environment.registerOperator(`double ${operator} int: double`, (a: number, b: bigint) =>
      apply(a, number(b)),
    );
  }
  environment.registerOperator('double % int: double', (a: number, b: bigint) => a % number(b));
  environment.registerOperator('int % double: double', (a: bigint, b: number) => number(a) % b);
  environment.registerOperator('double % double: double', (a: number, b: number) => a % b);
  // JavaScript compares a bigint and a number by value.
  // oxlint-disable-next-line eqeqeq
  environment.registerOperator('double == int', (a: number, b: bigint) => (a as unknown) == b);
  const patterns = new Map<string, TextMatcher>();
  environment.registerFunction(
    `string.${LINEAR_MATCHES}(string): bool`,
    (text: string, pattern: string): boolean => {
      let matcher = patterns.get(pattern);
      if (matcher === undefined) {
        if (patterns.size >= MAX_CACHED_PATTERNS) patterns.clear();
        matcher = compileRegex(pattern);
        if (pattern.length <= MAX_PATTERN_LENGTH) patterns.set(pattern, matcher);
      }
      return matcher(text);
    },
    { async: false },
  );
  return environment;
};
