import type { KeyObject } from 'node:crypto';
import { createRedactor, secretForms, type Redactor } from '../kernel/redaction.ts';
import { openSecrets, type WebhookRow, type WebhookSecrets } from './row.ts';
import type { SecretBox } from './secret-box.ts';
import { basicCredentials, standardKey } from './sign.ts';

/** The secrets of a webhook, opened and made ready for use. */
export interface OpenedSecrets {
  readonly secrets: WebhookSecrets;
  /** See {@link WebhookSecrets.signing}. */
  readonly signing: readonly { readonly key: KeyObject; readonly until: number | null }[];
  /** Names, in lower case, of headers that no record may show. */
  readonly hiddenHeaders: ReadonlySet<string>;
  /** Takes every secret out of a text, wherever a receiver may echo it. */
  readonly hide: Redactor;
}

/** What stands in the ledger instead of a secret. */
export const REDACTED = '[secret]';

/**
 * Opens the secrets of each version of a webhook's row once. They are kept for as long as that version itself is in
 * memory, and no longer: a change of the webhook is another row.
 * The function throws CrucibleError `config_invalid` when the box has another key
 */
export const createOpenings = (box: SecretBox): ((row: WebhookRow) => OpenedSecrets) => {
  const known = new WeakMap<WebhookRow, OpenedSecrets>();
  return (row) => {
    const before = known.get(row);
    if (before !== undefined) return before;
    const opened = prepareSecrets(openSecrets(box, row));
    known.set(row, opened);
    return opened;
  };
};

export const prepareSecrets = (secrets: WebhookSecrets): OpenedSecrets => ({
  secrets,
  signing: secrets.signing.map(({ secret, until }) => ({ key: standardKey(secret), until })),
  hiddenHeaders: hiddenHeadersOf(secrets),
  hide: createRedactor(
    new Map(secretTextsOf(secrets).flatMap((text) => secretForms(text).map((form) => [form, REDACTED]))),
  ),
});

const hiddenHeadersOf = ({ auth, headers }: WebhookSecrets): ReadonlySet<string> => {
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  if (auth?.type === 'header') names.add(auth.name.toLowerCase());
  return names.add('authorization');
};

/** Shorter texts would be found in every answer, and are no secrets worth the name. */
const SHORTEST_SECRET = 4;

const secretTextsOf = ({ auth, signing, headers }: WebhookSecrets): readonly string[] => {
  const texts = [...signing.map(({ secret }) => secret), ...Object.values(headers)];
  if (auth?.type === 'bearer') texts.push(auth.token);
  if (auth?.type === 'hmac') texts.push(auth.secret);
  if (auth?.type === 'header') texts.push(auth.value);
  if (auth?.type === 'basic') texts.push(auth.password, basicCredentials(auth.username, auth.password));
  return texts.filter((text) => text.length >= SHORTEST_SECRET);
};
