import type { JsonObject } from '../kernel/json.ts';
import { isCredentialHeader } from '../egress/header-rules.ts';
import type { JudgedInput } from './judge.ts';
import { authHint, sealSecrets, withDefinition, type WebhookRow, type WebhookSecrets } from './row.ts';
import type { SecretBox } from './secret-box.ts';
import { hintOf } from './signing-secret.ts';
import type { WebhookAuth } from './webhook.ts';

/** What a row has that its input does not say. */
interface Composed extends Pick<
  WebhookRow,
  'id' | 'disabled_reason' | 'paused' | 'created_at' | 'updated_at'
> {
  /** See {@link WebhookSecrets}. The first one is hinted at. */
  readonly signing: WebhookSecrets['signing'];
  readonly auth: WebhookAuth | null;
  /** For an input without worlds. */
  readonly world: string;
}

/** The row that an input asks for, its secrets sealed. */
export function composeRow(input: JudgedInput, made: Composed, box: SecretBox): WebhookRow {
  const { signing, auth, world, ...kept } = made;
  const all = Object.entries(input.options.headers);
  const credentials = all.filter(([name]) => isCredentialHeader(name));
  const shown = all.map(([name, value]) => [name, isCredentialHeader(name) ? hintOf(value) : value] as const);
  return withDefinition({
    ...kept,
    name: input.name ?? new URL(input.url).host,
    url: input.url,
    enabled: input.enabled,
    filters: input.filters,
    worlds: [...new Set(input.worlds ?? [world])],
    auth: auth === null ? null : { type: auth.type, hint: authHint(auth) },
    secret_hint: hintOf(signing[0]?.secret ?? ''),
    options: {
      ...input.options,
      retry: definedOnly(input.options.retry),
      headers: Object.fromEntries(shown),
    },
    sealed: sealSecrets(box, made.id, { signing, auth, headers: Object.fromEntries(credentials) }),
  });
}

/** Optional fields that are absent are absent, not undefined: rows are JSON. */
const definedOnly = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value as JsonObject).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
