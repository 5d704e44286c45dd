/** Who or what a change comes from. `kind` decides which id is given. */
export type EventSource =
  | { readonly kind: 'user'; readonly user_id: string }
  | { readonly kind: 'agent'; readonly agent_id: string }
  | { readonly kind: 'system'; readonly component: string }
  | { readonly kind: 'external'; readonly integration: string };

/**
 * What every event made on behalf of one request shares. It comes from the credentials and the headers, never from a
 * body, and passes through services, workflows and activities by `AsyncLocalStorage` (`context.ts`), never by hand.
 */
export interface Origin {
  readonly source: EventSource;
  /** `user:alice`, `key:key_…`, `agent:web-search`, `system:hooks`. */
  readonly actor: string;
  readonly world: string;
  /** The whole story that this belongs to. */
  readonly correlation_id: string;
  /** The event that led to this one. */
  readonly causation_id: string | null;
  /** How many runs stand between this and the first cause; past 8 nothing reacts any more. */
  readonly depth: number;
}
