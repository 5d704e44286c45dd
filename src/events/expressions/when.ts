import { CrucibleError, type Issue } from '../../kernel/errors.ts';
import type { JsonValue } from '../../kernel/json.ts';
import { catalogue as standard, type Catalogue } from '../catalogue.ts';
import type { MatchResult } from '../compiled.ts';
import type { CrucibleEvent } from '../envelope.ts';
import { eventEnvironment } from './event-environment.ts';
import { compileExpression, type Evaluation, type Expression } from './expression.ts';

export type CompiledWhen = (event: CrucibleEvent) => MatchResult;

const MATCHED: MatchResult = { matched: true };
const UNMATCHED: MatchResult = { matched: false };

/**
 * Everything that is wrong with a `when` on events of these types. Empty: nothing.
 * @param types undefined: events of any type
 */
export const checkWhen = (
  source: string,
  types: readonly string[] | undefined,
  path: string,
  catalogue: Catalogue = standard,
): readonly Issue[] => {
  const compiled = compile(source, types, catalogue);
  return 'issues' in compiled ? compiled.issues.map((issue): Issue => Object.assign({ path }, issue)) : [];
};

/**
 * Compiles a `when`. An absent path does not match; any other failure is an error, never a silent non-match.
 * @throws CrucibleError `invalid` with what `checkWhen` finds
 */
export const compileWhen = (
  source: string,
  types: readonly string[] | undefined,
  catalogue: Catalogue = standard,
): CompiledWhen => {
  const compiled = compile(source, types, catalogue);
  if ('issues' in compiled)
    throw new CrucibleError('invalid', 'the expression is not valid', {
      issues: compiled.issues.map((issue) => ({ path: 'when', ...issue })),
    });
  const { expression } = compiled;
  return (event) => {
    let evaluation = expression.evaluate({ event });
    // The library takes an object that has a field named `constructor` for one of a foreign class; a Map has no such
    // trouble, and costs a copy that is only worth it here.
    if (evaluation.kind === 'error' && !evaluation.overBudget)
      evaluation = expression.evaluate({ event: { ...event, payload: asMap(event.payload) } });
    return resultOf(evaluation);
  };
};

const compile = (
  source: string,
  types: readonly string[] | undefined,
  catalogue: Catalogue,
): { readonly expression: Expression } | { readonly issues: readonly Omit<Issue, 'path'>[] } => {
  const compiled = compileExpression(source, eventEnvironment(types, catalogue));
  if ('issues' in compiled) return compiled;
  const { type } = compiled.expression;
  if (type === 'bool' || type.startsWith('dyn')) return compiled;
  return { issues: [{ message: `must be true or false, this is ${type}` }] };
};

const resultOf = (evaluation: Evaluation): MatchResult => {
  switch (evaluation.kind) {
    case 'absent':
      return UNMATCHED;
    case 'error':
      return { matched: 'error', message: evaluation.message };
    case 'value':
      if (evaluation.value === true) return MATCHED;
      if (evaluation.value === false) return UNMATCHED;
      return { matched: 'error', message: 'the expression is neither true nor false on this event' };
  }
};

const asMap = (value: JsonValue): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(asMap);
  return new Map(
    Object.entries(value as { [key: string]: JsonValue }).map(([key, field]) => [key, asMap(field)]),
  );
};
