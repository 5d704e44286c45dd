import type { JsonValue } from '../../src/kernel/json.ts';
import { redactForms, secretForms } from '../../src/kernel/redaction.ts';

/** Reads the secrets of one attempt and remembers which were handed out, so that no record shows them. */
export interface SecretReader {
  /** Undefined: there is no such secret. */
  read(name: string): string | undefined;
  /** `[secret NAME]` in place of every secret that was read. `cut`: the text may end in the middle of one. */
  redact(text: string, cut?: boolean): string;
  /** The same for every text and key of a value. */
  redactAll(value: JsonValue): JsonValue;
}

export const createSecretReader = (readSecret: (name: string) => string | undefined): SecretReader => {
  /** What stands in place of each form of each secret that was read. */
  const forms = new Map<string, string>();

  const redact = (text: string, cut = false): string =>
    forms.size === 0 ? text : redactForms(text, forms, cut);

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
      if (secret !== undefined && secret !== '') {
        for (const form of secretForms(secret)) forms.set(form, `[secret ${name}]`);
      }
      return secret;
    },
    redact,
    redactAll,
  };
};
