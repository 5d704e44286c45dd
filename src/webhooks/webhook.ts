import type { EventFilter } from '../events/filter.ts';
import type { Idempotency } from '../log/log.ts';

/** A webhook as reads show it: no secret in it, only hints. */
export interface WebhookView {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly enabled: boolean;
  /** Why it was disabled by us, e.g. because its receiver answered 410; absent: it was not. */
  readonly disabled_reason?: string;
  readonly paused: boolean;
  readonly filters: readonly EventFilter[];
  readonly worlds: readonly string[];
  /** Its type, and a hint of its value (the last four characters). */
  readonly auth: { readonly type: 'bearer' | 'hmac' | 'basic' | 'header'; readonly hint: string } | null;
  /** A hint of the signing secret. */
  readonly secret_hint: string;
  readonly options: WebhookOptions;
  readonly status: 'active' | 'paused' | 'failing' | 'disabled';
  /** ms since the epoch */
  readonly created_at: number;
  readonly updated_at: number;
}

export type WebhookAuth =
  | { readonly type: 'bearer'; readonly token: string }
  | { readonly type: 'hmac'; readonly secret: string; readonly algorithm: 'sha256' }
  | { readonly type: 'basic'; readonly username: string; readonly password: string }
  | { readonly type: 'header'; readonly name: string; readonly value: string };

export interface WebhookRetry {
  /** `default`: the table of design; `quick`: 2, 4, 8, 16 s with 5 attempts. */
  readonly preset?: 'default' | 'quick';
  readonly backoff?: 'fixed' | 'linear' | 'exponential';
  readonly max_attempts?: number;
  readonly initial_ms?: number;
  readonly max_ms?: number;
  /** Which failures are retried, besides connection errors; default 5xx, 408, 425, 429 and time-outs. */
  readonly on?: readonly string[];
}

export interface WebhookOptions {
  readonly retry: WebhookRetry;
  /** Default 15,000. */
  readonly timeout_ms: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly format: 'crucible' | 'cloudevents';
  readonly max_in_flight: number;
}

export interface WebhookInput {
  readonly url: string;
  readonly name?: string;
  readonly filters: readonly EventFilter[];
  readonly worlds?: readonly string[];
  readonly auth?: WebhookAuth;
  /** `whsec_<base64 of 24 to 64 bytes>`; made when absent. */
  readonly secret?: string;
  readonly options?: Partial<WebhookOptions>;
  readonly enabled?: boolean;
}

/** A whole webhook, over one that there is. Left out, `auth` and `secret` stay; all else is as for a new webhook. */
export interface WebhookChange extends Omit<WebhookInput, 'auth'> {
  /** null: none any more. */
  readonly auth?: WebhookAuth | null;
}

export interface WebhookService {
  /**
   * Answers the secret, once: a repeat under the same idempotency key has `repeated: true`, and an empty secret.
   * @throws CrucibleError `invalid`, `egress_denied`, and those of `Log.append`
   */
  create(
    input: WebhookInput,
    options?: { readonly idempotency?: Idempotency },
  ): Promise<{ readonly webhook: WebhookView; readonly secret: string; readonly repeated?: boolean }>;
  /** @throws CrucibleError `not_found` */
  get(id: string): Promise<WebhookView>;
  list(page: { readonly after?: string; readonly limit: number }): Promise<readonly WebhookView[]>;
  /**
   * The very next event is matched by the changed webhook. What changes nothing is told to nobody.
   * @throws CrucibleError `not_found`, `invalid`, `egress_denied`, `conflict` when it was changed at the same time, and
   * those of `Log.append`
   */
  update(id: string, input: WebhookChange): Promise<WebhookView>;
  remove(id: string): Promise<void>;
}
