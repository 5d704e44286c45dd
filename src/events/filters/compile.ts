import { CrucibleError } from '../../kernel/errors.ts';
import type { JsonValue } from '../../kernel/json.ts';
import { catalogue as standard, type Catalogue } from '../catalogue.ts';
import type { ClauseResult, CompiledFilters, MatchResult, Requirement } from '../compiled.ts';
import type { CrucibleEvent } from '../envelope.ts';
import { compileWhen, type CompiledWhen } from '../expressions/when.ts';
import type { Condition, EventFilter } from '../filter.ts';
import { ENVELOPE_FIELDS, isEnvelopeField } from './envelope-fields.ts';
import { parsePattern, patternTest } from './event-pattern.ts';
import { requiredEquality } from './equalities.ts';
import { isOperator, OPERATORS, type OperatorName, type Test } from './operators.ts';
import { parseFilters } from './parse.ts';
import { show, valueAt, type Read } from './values.ts';

export interface CompileOptions {
  /**
   * Whether `*` takes in `hook.*` and `webhook.*` events. What reacts to events leaves it off, or it would react to its
   * own reactions; reads (queries, the stream) turn it on. Default false.
   */
  readonly starMatchesReactions?: boolean;
}

/** One condition on one field. */
interface Term {
  /** `filter.tag`, `envelope.actor` */
  readonly field: string;
  readonly clause: string;
  readonly operator: OperatorName;
  readonly operand: JsonValue;
  readonly read: Read<CrucibleEvent>;
  readonly test: Test;
}

interface CompiledFilter extends Requirement {
  readonly isMeant: (type: string) => boolean;
  readonly terms: readonly Term[];
  readonly when: CompiledWhen | undefined;
}

const MATCHED: MatchResult = { matched: true };
const UNMATCHED: MatchResult = { matched: false };

/**
 * Compiles filters, once, for many events. In any accepted spelling; `source` is the canonical one.
 * @throws CrucibleError `invalid` with every issue that `checkFilters` finds
 */
export const compileFilters = (
  filters: readonly EventFilter[],
  catalogue: Catalogue = standard,
  options: CompileOptions = {},
): CompiledFilters => {
  const parsed = parseFilters(filters, 'filters', catalogue);
  if (parsed.issues.length > 0)
    throw new CrucibleError('invalid', 'the filters are not valid', { issues: parsed.issues });
  const compiled = parsed.filters.map((filter) => compileFilter(filter, catalogue, options));
  const [only] = compiled;
  return {
    source: parsed.filters,
    patterns: compiled.map(({ pattern }) => pattern),
    requirements: compiled,
    match:
      compiled.length === 1 && only !== undefined
        ? (event) => matchOne(only, event)
        : (event) => matchAny(compiled, event),
    explain: (event) => compiled.flatMap((filter, index) => explainOne(filter, `filters.${index}`, event)),
  };
};

const compileFilter = (
  filter: EventFilter,
  catalogue: Catalogue,
  options: CompileOptions,
): CompiledFilter => {
  const parsed = parsePattern(filter.event_type, '', catalogue);
  const types = 'pattern' in parsed ? parsed.pattern.types : undefined;
  const terms = [
    ...Object.entries(filter.envelope ?? {}).flatMap(([name, condition]) =>
      isEnvelopeField(name)
        ? termsOf(condition, `envelope.${name}`, ENVELOPE_FIELDS[name].read).map(
            name === 'source' ? orByKind : same,
          )
        : [],
    ),
    ...Object.entries(filter.filter ?? {}).flatMap(([path, condition]) => {
      return termsOf(condition, `filter.${path}`, readerOf(path));
    }),
  ];
  return {
    pattern: filter.event_type,
    isMeant: patternTest(filter.event_type, options.starMatchesReactions ?? false),
    terms,
    equalities: terms.flatMap((term) => requiredEquality(term) ?? []),
    when: filter.when === undefined ? undefined : compileWhen(filter.when, types, catalogue),
  };
};

/** Most paths are one name, which needs no walk. */
const readerOf = (path: string): Read<CrucibleEvent> => {
  const segments = path.split('.');
  if (segments.length > 1) return ({ payload }) => valueAt(payload, segments);
  return ({ payload }) => (Object.hasOwn(payload, path) ? payload[path] : undefined);
};

const termsOf = (condition: Condition, field: string, read: Read<CrucibleEvent>): readonly Term[] => {
  const isObject = typeof condition === 'object' && condition !== null && !Array.isArray(condition);
  const entries = isObject
    ? Object.entries(condition as { [name: string]: JsonValue })
    : [['equals', condition as JsonValue] as const];
  return entries.flatMap(([operator, operand]) =>
    isOperator(operator)
      ? [
          {
            field,
            clause: `${field}.${operator}`,
            operator,
            operand,
            read,
            test: OPERATORS[operator].compile(operand),
          },
        ]
      : [],
  );
};

const same = (term: Term): Term => term;

/** A source is equal to its kind alone too: `user` means every user. */
const orByKind = (term: Term): Term => {
  const kind = (value: JsonValue | undefined): JsonValue | undefined =>
    typeof value === 'string' ? value.slice(0, value.indexOf(':')) : value;
  if (term.operator === 'not_equals')
    return { ...term, test: (value) => term.test(value) && term.test(kind(value)) };
  if (term.operator !== 'equals' && term.operator !== 'in') return term;
  return { ...term, test: (value) => term.test(value) || term.test(kind(value)) };
};

const matchOne = (filter: CompiledFilter, event: CrucibleEvent): MatchResult => {
  if (!filter.isMeant(event.type)) return UNMATCHED;
  for (const term of filter.terms) if (!term.test(term.read(event))) return UNMATCHED;
  return filter.when === undefined ? MATCHED : filter.when(event);
};

/** Any one suffices, so an error counts only where none matches. */
const matchAny = (filters: readonly CompiledFilter[], event: CrucibleEvent): MatchResult => {
  let error: MatchResult | undefined;
  for (const filter of filters) {
    const result = matchOne(filter, event);
    if (result.matched === true) return result;
    if (result.matched === 'error') error ??= result;
  }
  return error ?? UNMATCHED;
};

const explainOne = (filter: CompiledFilter, path: string, event: CrucibleEvent): readonly ClauseResult[] => {
  const isMeant = filter.isMeant(event.type);
  const type: ClauseResult = {
    clause: `${path}.event_type`,
    holds: isMeant,
    because: `the event is ${event.type}, the filter asks for ${filter.pattern}${!isMeant && filter.pattern === '*' ? ', which leaves out hook.* and webhook.*' : ''}`,
  };
  const terms = filter.terms.map((term): ClauseResult => {
    const value = term.read(event);
    return { clause: `${path}.${term.clause}`, holds: term.test(value), because: inWords(term, value) };
  });
  return [
    type,
    ...terms,
    ...(filter.when === undefined || !isMeant ? [] : [explainWhen(filter.when, path, event)]),
  ];
};

const inWords = ({ operator, operand }: Term, value: JsonValue | undefined): string => {
  if (operator === 'exists')
    return value === undefined ? 'there is no such field' : `the field is ${show(value)}`;
  const subject = value === undefined ? 'there is no such field' : `the field is ${show(value)}`;
  return `${subject}; asked for: ${OPERATORS[operator].words} ${show(operand)}`;
};

const explainWhen = (when: CompiledWhen, path: string, event: CrucibleEvent): ClauseResult => {
  const result = when(event);
  const because = {
    true: 'the expression is true',
    false: 'the expression is false, or names something that the event does not have',
    error: result.matched === 'error' ? `the expression failed: ${result.message}` : '',
  }[String(result.matched) as 'true' | 'false' | 'error'];
  return { clause: `${path}.when`, holds: result.matched === true, because };
};
