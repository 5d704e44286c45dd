import type { JsonValue } from '../../src/kernel/json.ts';

/** Reads the secrets of one attempt and remembers which were handed out, so that no record shows them. */
export interface SecretReader {
  /** Undefined: there is no such secret. */
  read(name: string): string | undefined;
  /** `[secret NAME]` in place of every secret that was read. `cut`: the text may end in the middle of one. */
  redact(text: string, cut?: boolean): string;
  /** The same for every text and key of a value. */
  redactAll(value: JsonValue): JsonValue;
}

/** A secret as it may stand in JSON, a URL, a form, HTTP credentials or a listing of bytes. */
const formsOf = (secret: string): readonly string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret.toWellFormed()),
  encodeURIComponent(secret.toWellFormed()).replaceAll('%20', '+'),
  Buffer.from(secret).toString('base64'),
  Buffer.from(secret).toString('base64url'),
];

/** A piece this short at the end of a cut text tells nobody anything. */
const SHORTEST_PIECE = 4;

export const createSecretReader = (readSecret: (name: string) => string | undefined): SecretReader => {
  const forms = new Map<string, string>();

  /** Longest first: a secret may be part of another. */
  const known = (): readonly (readonly [form: string, name: string])[] =>
    [...forms].sort(([a], [b]) => b.length - a.length);

  const redact = (text: string, cut = false): string => {
    if (forms.size === 0) return text;
    let redacted = text;
    for (const [form, name] of known()) redacted = redacted.replaceAll(form, `[secret ${name}]`);
    if (!cut) return redacted;
    for (const [form, name] of known()) {
      for (let length = form.length - 1; length >= SHORTEST_PIECE; length -= 1) {
        if (redacted.endsWith(form.slice(0, length))) return `${redacted.slice(0, -length)}[secret ${name}]`;
      }
    }
    return redacted;
  };

  const redactAll = (value: JsonValue): JsonValue => {
    if (forms.size === 0) return value;
    if (typeof value === 'string') return redact(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return (value as readonly JsonValue[]).map(redactAll);
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [redact(key), redactAll(field)]));
  };

  return {
    read(name) {
      const secret = readSecret(name);
      if (secret !== undefined && secret !== '') for (const form of formsOf(secret)) forms.set(form, name);
      return secret;
    },
    redact,
    redactAll,
  };
};
