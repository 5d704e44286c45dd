import { CrucibleError } from '../kernel/errors.ts';
import { canonicalJson } from '../kernel/hash.ts';
import type { JsonValue } from '../kernel/json.ts';
import { composeRow } from './compose.ts';
import type { JudgedInput } from './judge.ts';
import type { WebhookRow, WebhookSecrets } from './row.ts';
import type { SecretBox } from './secret-box.ts';
import type { WebhookAuth } from './webhook.ts';

/**
 * What replaces a webhook. Pure.
 *
 * Guarantee: credentials that are kept go only to the scheme, host and port that they were given for, so that whoever
 * may change a webhook cannot have them sent to himself.
 */

/** What is asked of `auth`: undefined is to stay, null is to go, `set` is judged with the rest. */
type AskedAuth = 'keep' | 'remove' | 'set';

/** An `auth` of null is known to changes alone: the rest is judged as for a new webhook. */
export function authOf(input: unknown): { readonly auth: AskedAuth; readonly rest: unknown } {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { auth: 'keep', rest: input };
  const { auth, ...rest } = input as { readonly auth?: unknown };
  if (auth === undefined) return { auth: 'keep', rest };
  return auth === null ? { auth: 'remove', rest } : { auth: 'set', rest: input };
}

/** @throws CrucibleError `invalid` when credentials would stay that were given for another server */
export function assertKeepable(
  before: WebhookRow,
  { auth }: WebhookSecrets,
  asked: { readonly url: string; readonly auth: AskedAuth },
): void {
  if (auth === null || asked.auth !== 'keep' || originOf(asked.url) === originOf(before.url)) return;
  const message = `is left out, and the stored one was given for ${originOf(before.url)}`;
  throw new CrucibleError('invalid', 'The webhook is not valid.', {
    issues: [{ path: 'auth', message, hint: 'give it again, or null for none' }],
  });
}

export const changedRow = (
  before: WebhookRow,
  kept: WebhookSecrets,
  asked: {
    readonly read: JudgedInput;
    readonly auth: AskedAuth;
    readonly world: string;
    readonly now: number;
  },
  box: SecretBox,
): WebhookRow => {
  const { read, world, now } = asked;
  const auth: Readonly<Record<AskedAuth, WebhookAuth | null>> = {
    keep: kept.auth,
    remove: null,
    set: read.auth ?? null,
  };
  return composeRow(
    read,
    {
      id: before.id,
      disabled_reason: read.enabled ? null : before.disabled_reason,
      paused: before.paused,
      created_at: before.created_at,
      // Each version has a time of its own, by which changes are compared.
      updated_at: Math.max(now, before.updated_at + 1),
      signing: read.secret === undefined ? kept.signing : [{ secret: read.secret, until: null }],
      auth: auth[asked.auth],
      world,
    },
    box,
  );
};

type Version = readonly [row: WebhookRow, secrets: WebhookSecrets];

/** The fields of the input whose values differ, secrets compared as they are, not by their hints. */
export const changedFields = (before: Version, after: Version): string[] => {
  const [old, current] = [before, after].map(fieldsOf);
  return Object.keys(old ?? {}).filter((name) => old?.[name] !== current?.[name]);
};

const fieldsOf = ([row, { signing, auth, headers }]: Version): Readonly<Record<string, string>> => {
  const { name, url, enabled, filters, worlds, options } = row;
  const values = { name, url, filters, worlds, auth, secret: signing, options: [options, headers], enabled };
  return Object.fromEntries(
    Object.entries(values).map(([field, value]) => [field, canonicalJson(value as unknown as JsonValue)]),
  );
};

const originOf = (url: string): string => new URL(url).origin;
