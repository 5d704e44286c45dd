import type { CrucibleEvent } from './envelope.ts';
import type { EventFilter } from './filter.ts';
import type { JsonValue } from '../kernel/json.ts';

/**
 * What a filter says of an event. `error` is never a silent non-match: the expression failed on this event (an absent
 * path is a plain non-match), and whoever asked must record it.
 */
export type MatchResult =
  | { readonly matched: true }
  | { readonly matched: false }
  | { readonly matched: 'error'; readonly message: string };

/** Why one clause of a filter holds or not, for `explain`. */
export interface ClauseResult {
  /** Which clause, e.g. `filters.0.filter.tag.equals`. */
  readonly clause: string;
  readonly holds: boolean;
  /** In words, with the values that were compared. */
  readonly because: string;
}

export type Scalar = string | number | boolean | null;

/** A field that must have one of these values, as `===` compares them, for a filter to match. */
export interface RequiredEquality {
  /** The same text reads the same place: `filter.metadata.author`, `envelope.subject`. */
  readonly field: string;
  /** At least one. */
  readonly values: readonly Scalar[];
  /** undefined where the event has no such field. */
  readonly read: (event: CrucibleEvent) => JsonValue | undefined;
}

/**
 * What is necessary for one filter of a list to match or to fail, for the matching index: an event whose type the pattern
 * does not take in, or that breaks any one of the equalities, can be passed over. It need not be sufficient.
 */
export interface Requirement {
  readonly pattern: string;
  readonly equalities: readonly RequiredEquality[];
}

/** A list of filters, compiled once; the same serves hooks, webhooks, flows, the stream, queries and the CLI. */
export interface CompiledFilters {
  readonly source: readonly EventFilter[];
  /** The patterns of the filters' types, in order: a name, a family wildcard or `*`. */
  readonly patterns: readonly string[];
  /** One a filter, in order. */
  readonly requirements: readonly Requirement[];
  match(event: CrucibleEvent): MatchResult;
  explain(event: CrucibleEvent): readonly ClauseResult[];
}
