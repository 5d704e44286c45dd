import type { CrucibleEvent } from './envelope.ts';
import type { EventFilter } from './filter.ts';

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

/** A list of filters, compiled once; the same serves hooks, webhooks, flows, the stream, queries and the CLI. */
export interface CompiledFilters {
  readonly source: readonly EventFilter[];
  /** The patterns of the filters' types, in order: a name, a family wildcard or `*`. For the matching index. */
  readonly patterns: readonly string[];
  match(event: CrucibleEvent): MatchResult;
  explain(event: CrucibleEvent): readonly ClauseResult[];
}
