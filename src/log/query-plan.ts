import type { CrucibleEvent } from '../events/envelope.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { EventSource } from '../kernel/origin.ts';
import type { EventQuery } from './log.ts';
import type { TermKind } from './store.ts';

/** The one index term that a query is read by. `bucketed`: the term is looked for bucket by bucket. */
export interface TermPlan {
  readonly kind: TermKind;
  readonly values: readonly string[];
  readonly bucketed: boolean;
}

/** Not a `family.*` or `*`. */
export const isWholeType = (type: string): boolean => !type.includes('*');

/**
 * The most selective term of a query, or undefined when only a range of positions bounds it. An index read is one kind
 * of term, without a LIMIT and without a second predicate (the database cannot combine them rightly); everything else
 * is decided on the decoded events.
 */
export const planTerm = (query: EventQuery): TermPlan | undefined => {
  if (query.subject !== undefined) return { kind: 'subjects', values: [query.subject], bucketed: false };
  if (query.correlation_id !== undefined) {
    return { kind: 'correlations', values: [query.correlation_id], bucketed: false };
  }
  const types = query.types;
  if (types !== undefined && types.length > 0 && types.every(isWholeType)) {
    return { kind: 'types', values: types, bucketed: true };
  }
  if (query.actor !== undefined) return { kind: 'actors', values: [query.actor], bucketed: true };
  if (query.worlds !== undefined) return { kind: 'worlds', values: query.worlds, bucketed: true };
  return undefined;
};

/**
 * Whether an event belongs to the answer.
 * @throws CrucibleError `invalid` when a filter's expression fails on an event: that is never a silent non-match
 */
export const queryPredicate = (query: EventQuery): ((event: CrucibleEvent) => boolean) => {
  const worlds = query.worlds === undefined ? undefined : new Set(query.worlds);
  const types = query.types === undefined ? undefined : typePredicate(query.types);
  return (event) =>
    (worlds === undefined || worlds.has(event.world)) &&
    (types === undefined || types(event.type)) &&
    (query.actor === undefined || event.actor === query.actor) &&
    (query.subject === undefined || event.subject === query.subject) &&
    (query.correlation_id === undefined || event.correlation_id === query.correlation_id) &&
    (query.room === undefined || event.room === query.room) &&
    (query.source === undefined || sourceMatches(event.source, query.source)) &&
    passes(query.filters, event);
};

/** Names, `family.*` and `*`. */
const typePredicate = (types: readonly string[]): ((type: string) => boolean) => {
  const names = new Set(types);
  if (names.has('*')) return () => true;
  const families = types.filter((type) => type.endsWith('.*')).map((type) => type.slice(0, -1));
  return (type) => names.has(type) || families.some((family) => type.startsWith(family));
};

const sourceMatches = (source: EventSource, wanted: string): boolean =>
  wanted === source.kind || wanted === `${source.kind}:${sourceId(source)}`;

const sourceId = (source: EventSource): string => {
  switch (source.kind) {
    case 'user':
      return source.user_id;
    case 'agent':
      return source.agent_id;
    case 'system':
      return source.component;
    case 'external':
      return source.integration;
  }
};

/** @throws CrucibleError `invalid` when the filter fails on the event */
export const passes = (filters: EventQuery['filters'], event: CrucibleEvent): boolean => {
  if (filters === undefined) return true;
  const result = filters.match(event);
  if (result.matched !== 'error') return result.matched;
  throw new CrucibleError(
    'invalid',
    `The filter fails on event ${event.id} (position ${event.position}): ${result.message}`,
    {
      issues: [{ path: 'filters', message: result.message }],
      hint: 'Guard the expression, for example with has(), so that it holds for every event it may meet.',
    },
  );
};
