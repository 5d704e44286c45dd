import type { Environment } from '@marcbachmann/cel-js';
import { messageOf, type Issue } from '../../kernel/errors.ts';
import { analyse } from './analyse.ts';
import type { Node } from './ast.ts';
import { MAX_EXPRESSION_LENGTH } from './environment.ts';
import { meter, OVER_BUDGET } from './meter.ts';

/** What an evaluation came to. `absent`: it named something that is not there. */
export type Evaluation =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'absent'; readonly message: string }
  | { readonly kind: 'error'; readonly message: string; readonly overBudget: boolean };

export interface Expression {
  /** Its static type, as CEL writes it: `bool`, `dyn`, `list<string>`. */
  readonly type: string;
  readonly tree: Node;
  evaluate(variables: object): Evaluation;
}

export type Compiled =
  { readonly expression: Expression } | { readonly issues: readonly Omit<Issue, 'path'>[] };

/** Parses and type-checks a CEL expression (https://github.com/google/cel-spec) and bounds its cost. */
export const compileExpression = (source: string, environment: Environment): Compiled => {
  if (source.length > MAX_EXPRESSION_LENGTH)
    return {
      issues: [
        {
          message: `an expression may have ${MAX_EXPRESSION_LENGTH} characters, this one has ${source.length}`,
        },
      ],
    };
  let parsed: ReturnType<Environment['parse']>;
  try {
    parsed = environment.parse(source);
  } catch (error) {
    return { issues: [issueOf(error, source)] };
  }
  const tree = parsed.ast as unknown as Node;
  const issues = analyse(tree);
  if (issues.length > 0) return { issues };
  const { valid, type, error } = parsed.check();
  if (!valid || type === undefined) return { issues: [issueOf(error, source)] };
  const budget = meter(tree);
  return {
    expression: {
      type,
      tree,
      evaluate: (variables) => {
        budget.reset();
        const evaluation = evaluated(() => parsed(variables) as unknown);
        return budget.exceeded() ? { kind: 'error', message: OVER_BUDGET, overBudget: true } : evaluation;
      },
    },
  };
};

/**
 * Absent paths are thrown, for many an event: the stack that nobody reads costs more than the rest of the evaluation.
 */
const evaluated = (evaluate: () => unknown): Evaluation => {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return { kind: 'value', value: evaluate() };
  } catch (error) {
    const message = summaryOf(error);
    return ABSENT.has(codeOf(error))
      ? { kind: 'absent', message }
      : { kind: 'error', message, overBudget: false };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
};

const ABSENT: ReadonlySet<string> = new Set(['no_such_key', 'index_out_of_bounds']);

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** The library's message without the source line under it. */
const summaryOf = (error: unknown): string =>
  error instanceof Error && 'summary' in error && typeof error.summary === 'string'
    ? error.summary
    : messageOf(error);

const issueOf = (error: unknown, source: string): Omit<Issue, 'path'> => {
  const range =
    error instanceof Error && 'range' in error ? (error.range as { start?: number } | undefined) : undefined;
  const near =
    range?.start === undefined
      ? ''
      : `, at character ${range.start + 1}: \`${source.slice(range.start, range.start + 30)}\``;
  return { message: `${summaryOf(error)}${near}` };
};
