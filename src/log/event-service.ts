import type { CrucibleEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { EventPage, EventQuery } from './log.ts';

/** An event as a client asks for it. */
export interface PublishInput {
  /** `custom.<name>[.<name>…]`, in any accepted spelling. */
  readonly type: string;
  readonly payload: JsonObject;
  readonly subject?: string;
  readonly room?: string;
  /** The client's own `evt_<UUIDv7>`: publishing it twice stores it once. */
  readonly id?: string;
  readonly version?: string;
}

export interface Published {
  readonly id: string;
  readonly position: number;
  readonly type: string;
  readonly correlation_id: string;
  readonly duplicate: boolean;
}

export interface EventService {
  /**
   * All or nothing; an issue's path names the index (`events.3.payload.title`). Actor, source, world, correlation come
   * from the current origin (`kernel/context.ts`).
   * @throws CrucibleError `reserved_type`, `unknown_event_type`, `schema_mismatch`, `invalid`, and those of `Log.append`
   */
  publish(
    inputs: readonly PublishInput[],
    options: {
      readonly idempotency?: { readonly scope: string; readonly key: string; readonly hash: string };
    },
  ): Promise<readonly Published[]>;
  /** @throws CrucibleError `not_found` (also in a world that `worlds` lacks) */
  get(id: string, worlds: readonly string[] | undefined): Promise<CrucibleEvent>;
  /** `filters` are compiled here; types in any accepted spelling. */
  query(
    query: Omit<EventQuery, 'filters'> & { readonly filters?: readonly EventFilter[] },
  ): Promise<EventPage>;
  /** The story of an event, in order. @throws CrucibleError `not_found` */
  trace(
    id: string,
    page: { worlds?: readonly string[]; limit?: number; cursor?: string },
  ): Promise<EventPage>;
}
