import type { CrucibleEvent, NewEvent } from '../events/envelope.ts';
import type { CompiledFilters } from '../events/compiled.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Mutation, Records, Row } from './records.ts';
import type { RowsRead } from './rows-read.ts';
import type { Ticket } from './ticket.ts';

/**
 * What version a subject must be at: its version is the position of its last event.
 * `exists`: it has events; `no_stream`: it has none; `any` asks nothing.
 */
export type ExpectedVersion = 'any' | 'no_stream' | 'exists' | number;

export interface Expectation {
  readonly subject: string;
  readonly world: string;
  readonly version: ExpectedVersion;
}

/** A change of what reacts to events. Opaque to the log; the reactor knows its own kinds. */
export interface RegistryChange {
  readonly kind: string;
}

/** Makes a request's effect happen once: the same scope, key and body give the same answer, for 30 days. */
export interface Idempotency {
  /** Principal, world and route. */
  readonly scope: string;
  readonly key: string;
  /** SHA-256 of the caller's body, as it came. */
  readonly hash: string;
}

export interface AppendRequest {
  readonly events: readonly NewEvent[];
  readonly expect?: readonly Expectation[];
  readonly idempotency?: Idempotency;
  readonly mutations?: readonly Mutation[];
  /** Adopted when committed, before the next request is matched. */
  readonly changes?: readonly RegistryChange[];
  /** Kept with the idempotency record and given back on a repeat. No secrets. */
  readonly answer?: JsonObject;
  /** Ids that the client chose: an event that is already stored under one is the answer, not an error. */
  readonly clientIds?: boolean;
  /** Ledger writes never get `overloaded`. */
  readonly ledger?: boolean;
  /** A fresh one; is told what becomes of this request. */
  readonly ticket?: Ticket;
  /**
   * The requests that this one was decided upon, given to this log before it. Unless all of them are written, by then or
   * by the same commit, this one is refused with `conflict`.
   */
  readonly after?: readonly Ticket[];
}

export interface AppendResult {
  /** In the order of the request; for a duplicate the events as they were first committed. */
  readonly events: readonly CrucibleEvent[];
  /** Which of the events were there before: all of them for a repeated idempotency key. */
  readonly duplicates: readonly boolean[];
  /** The idempotency key was known, and nothing was written now; also of a request without events. */
  readonly repeated?: boolean;
  readonly answer?: JsonObject;
}

/**
 * What one commit wrote, given to listeners after the commit is synced, in position order. Also told when all lists are
 * empty: the commit wrote something of the log's own.
 */
export interface Committed {
  /** The id of the batch that wrote it. */
  readonly batch: string;
  readonly events: readonly CrucibleEvent[];
  /** The rows that the reactor added (runs). */
  readonly reactions: readonly { readonly table: string; readonly row: Row }[];
  /** The rows that requests changed, as they are now. */
  readonly changed: readonly { readonly table: string; readonly row: Row }[];
  readonly removed: readonly { readonly table: string; readonly id: string }[];
}

/**
 * Decides, inside the append loop, what a committed event causes. Synchronous: the loop waits for nothing but the store.
 * `begin`, then `stage` and `react` in the order of requests, then `adopt` or `discard`.
 */
export interface Reactor {
  begin(): void;
  stage(change: RegistryChange): void;
  /** The rows to write in the same transaction as the event. */
  react(event: CrucibleEvent): readonly { readonly table: string; readonly row: Row }[];
  /** The commit is synced: what was staged holds from here on. */
  adopt(): void;
  /** The commit failed: what was staged is forgotten. */
  discard(): void;
}

export interface EventQuery {
  readonly types?: readonly string[];
  readonly actor?: string;
  readonly subject?: string;
  readonly correlation_id?: string;
  /** `kind`, or `kind:id`. */
  readonly source?: string;
  /** The worlds that the caller may see; undefined: all. */
  readonly worlds?: readonly string[];
  readonly room?: string;
  /** Milliseconds since the epoch, inclusive. */
  readonly from_time?: number;
  /** Milliseconds since the epoch, exclusive. */
  readonly to_time?: number;
  /** Positions, exclusive. */
  readonly after?: number;
  readonly before?: number;
  readonly filters?: CompiledFilters;
  readonly order?: 'asc' | 'desc';
  /** 1 to 1,000; default 50. */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface EventPage {
  /** May be short or empty although there is a `next_cursor`: one read is bounded. */
  readonly data: readonly CrucibleEvent[];
  readonly next_cursor: string | null;
}

export type ReplayItem =
  | { readonly kind: 'event'; readonly event: CrucibleEvent }
  /** Everything up to this position has been seen; what follows is new. */
  | { readonly kind: 'caught_up'; readonly position: number };

/** The append-only log. The only way to write, and the order of everything. */
export interface Log {
  readonly records: Records;
  /**
   * Resolves after a synced commit of the events, the mutations and the runs that they cause, all or nothing.
   * @throws CrucibleError `expectation_failed`, `conflict`, `already_exists`, `not_found`, `idempotency_key_reused`,
   *   `idempotency_in_flight`, `overloaded`, `log_unavailable`, `fenced`
   */
  append(request: AppendRequest): Promise<AppendResult>;
  /**
   * What the request with this key was answered, if there has been one. For who must know before deciding what to append.
   * @throws CrucibleError `idempotency_key_reused`
   */
  answered(idempotency: Idempotency): Promise<AppendResult | undefined>;
  get(id: string): Promise<CrucibleEvent | undefined>;
  at(position: number): Promise<CrucibleEvent | undefined>;
  /** @throws CrucibleError `bad_cursor`, `position_expired` */
  query(query: EventQuery): Promise<EventPage>;
  /** All events of a story, in order, page by page. */
  trace(
    correlationId: string,
    page: { worlds?: readonly string[]; limit?: number; cursor?: string },
  ): Promise<EventPage>;
  /** In position order with bounded memory; ends after `caught_up`. @throws CrucibleError `position_expired` */
  replay(options: {
    after: number;
    filters?: CompiledFilters;
    signal?: AbortSignal;
  }): AsyncIterable<ReplayItem>;
  /** Like replay, then goes on with what is committed later, without a gap or a repeat, until the signal aborts. */
  tail(options: { after: number; filters?: CompiledFilters; signal: AbortSignal }): AsyncIterable<ReplayItem>;
  /** The last acknowledged position; 0 for an empty log. */
  head(): number;
  /**
   * Resolves when the commit that is being written now, if any, is acknowledged or was refused. `records` may show it a
   * moment before that; who waits here before giving away what it read never shows what could still be lost, and never a
   * state whose event cannot be read yet.
   * @param read what was read, where that is known: a commit that writes none of it is not waited for
   * @throws CrucibleError `log_unavailable`, `fenced` while nobody can tell whether it was written
   */
  settled(read?: readonly RowsRead[]): Promise<void>;
  /** Why nothing can be written at the moment, in words; undefined while it can. */
  problem(): string | undefined;
  /** The first position that retention has kept. */
  firstAvailable(): number;
  /** The position of the last event committed at or before this time (ms); 0 if none. By binary search. */
  positionAt(timeMs: number): Promise<number>;
  /** Calls `listener` after each commit, in order, in the turn of the acknowledgement. @returns ends it */
  onCommit(listener: (committed: Committed) => void): () => void;
  /** Commits what is queued, refuses what comes later, releases the lease. */
  close(): Promise<void>;
}
