import { contentHash } from '../kernel/hash.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { EventFilter } from '../events/filter.ts';
import { compileFilters } from '../events/filters/index.ts';
import type { Row, TableDefinition } from '../log/records.ts';
import type { Target } from '../dispatch/target.ts';
import { hintOf } from './signing-secret.ts';
import type { SecretBox } from './secret-box.ts';
import type { WebhookAuth, WebhookOptions, WebhookView } from './webhook.ts';

/**
 * A webhook at rest. Everything secret is in `sealed`, and nowhere else; what is said of it in clear is a hint.
 * A type, not an interface, so that it is a `Row`. Times are ms since the epoch.
 */
export type WebhookRow = {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly enabled: boolean;
  /** Why somebody other than its owner disabled it. */
  readonly disabled_reason: string | null;
  readonly paused: boolean;
  readonly filters: readonly EventFilter[];
  readonly worlds: readonly string[];
  readonly auth: { readonly type: WebhookAuth['type']; readonly hint: string } | null;
  readonly secret_hint: string;
  /** Headers that carry a credential are named here, with a hint, and their values are sealed. */
  readonly options: WebhookOptions;
  /** {@link WebhookSecrets}, by a {@link SecretBox} */
  readonly sealed: string;
  /** Content hash of its definition. */
  readonly definition: string;
  readonly created_at: number;
  readonly updated_at: number;
};

/** What is sealed. */
export interface WebhookSecrets {
  /** `whsec_…`, newest first. An older one signs until its time is over, ms since the epoch; null: for good. */
  readonly signing: readonly { readonly secret: string; readonly until: number | null }[];
  readonly auth: WebhookAuth | null;
  /** Headers that carry a credential. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Every delivery reads one, and they seldom change. */
export const WEBHOOK_TABLE: TableDefinition = {
  name: 'webhook',
  indexes: [],
  recent: 10_000,
  recentReads: true,
};

/** The name that dispatch knows a webhook by. */
export const targetIdOf = (webhookId: string): string => `webhook:${webhookId}`;

export const sealSecrets = (box: SecretBox, webhookId: string, secrets: WebhookSecrets): string =>
  box.seal(JSON.stringify(secrets), webhookId);

/** @throws CrucibleError `config_invalid` when the box has another key */
export const openSecrets = (box: SecretBox, row: Pick<WebhookRow, 'id' | 'sealed'>): WebhookSecrets =>
  JSON.parse(box.open(row.sealed, row.id)) as WebhookSecrets;

/** Rows of our table are written by this folder alone, so their shape is known. */
export const asWebhookRow = (row: Row): WebhookRow => row as unknown as WebhookRow;
export const asRow = (row: WebhookRow): Row => row as unknown as Row;

/**
 * What a run keeps of the webhook that it matched: the rules of its delivery, without a secret. Where a delivery goes
 * and how it identifies itself is read from the row when it is sent, so that whoever mends a wrong address or a leaked
 * token mends the deliveries that wait, too.
 */
export const definitionOf = (row: Omit<WebhookRow, 'definition'>): JsonObject => ({
  id: row.id,
  name: row.name,
  url: row.url,
  filters: row.filters as unknown as JsonObject[],
  worlds: row.worlds,
  auth: row.auth === null ? null : row.auth.type,
  options: row.options as unknown as JsonObject,
});

export const withDefinition = (row: Omit<WebhookRow, 'definition'>): WebhookRow => ({
  ...row,
  definition: contentHash(definitionOf(row)),
});

/** As matching sees it. @throws CrucibleError `invalid` for filters that are none any more */
export const targetOf = (row: WebhookRow): Target => ({
  id: targetIdOf(row.id),
  kind: 'webhook',
  worlds: row.worlds,
  filters: compileFilters(row.filters),
  enabled: row.enabled,
  paused: row.paused,
  definition: row.definition,
});

/** As reads show it. `failing`: its last delivery did not arrive. */
export const viewOf = (row: WebhookRow, failing: boolean): WebhookView => ({
  id: row.id,
  name: row.name,
  url: row.url,
  enabled: row.enabled,
  ...(row.disabled_reason === null ? {} : { disabled_reason: row.disabled_reason }),
  paused: row.paused,
  filters: row.filters,
  worlds: row.worlds,
  auth: row.auth,
  secret_hint: row.secret_hint,
  options: row.options,
  status: !row.enabled ? 'disabled' : row.paused ? 'paused' : failing ? 'failing' : 'active',
  created_at: row.created_at,
  updated_at: row.updated_at,
});

/** Enough to recognise a credential by, not enough to use it. */
export const authHint = (auth: WebhookAuth): string => {
  switch (auth.type) {
    case 'bearer':
      return hintOf(auth.token);
    case 'hmac':
      return hintOf(auth.secret);
    case 'basic':
      return `${auth.username}:${hintOf(auth.password)}`;
    case 'header':
      return `${auth.name}: ${hintOf(auth.value)}`;
  }
};
