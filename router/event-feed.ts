import type { Principal } from '../src/access/principal.ts';
import type { CrucibleEvent } from '../src/events/envelope.ts';
import type { EventFilter } from '../src/events/filter.ts';

/** What a reader of the feed is given, in the order of positions. */
export type FeedItem =
  /** Comes first: what follows comes after this position of this log. `epoch` is null while the log is empty. */
  | { readonly type: 'subscribed'; readonly position: number; readonly epoch: string | null }
  | { readonly type: 'event'; readonly position: number; readonly event: CrucibleEvent }
  /** Everything up to here was given; what follows is live. */
  | { readonly type: 'caught_up'; readonly position: number }
  /** Nothing matched for a while: everything up to here was looked at. */
  | { readonly type: 'checkpoint'; readonly position: number }
  /** The filters failed on the event at this position. */
  | { readonly type: 'error'; readonly position: number; readonly code: 'invalid'; readonly message: string };

export interface FeedRequest {
  readonly filters: readonly EventFilter[];
  /** A position: what comes after it is read first. Undefined: only what happens from now on. */
  readonly after: number | undefined;
  /** The log that `after` is of. */
  readonly epoch: string | undefined;
  /** The worlds that the reader sees; undefined: all. */
  readonly worlds: readonly string[] | undefined;
  readonly principal: Principal;
  /** The reader has left. */
  readonly signal: AbortSignal;
}

/** The log as one reader after another reads it, for as long as each likes. */
export interface EventFeed {
  /**
   * Ends by itself only when the reader leaves.
   * @throws CrucibleError `invalid`, `position_expired`, `epoch_changed`; `unauthenticated` when the credentials are
   *   revoked or expire; `overloaded` when there is no place, and when the server stops
   */
  read(request: FeedRequest): AsyncIterable<FeedItem>;
}
