/** A secret as it may stand in JSON, a URL, a form, HTTP credentials or a listing of bytes. */
export const secretForms = (secret: string): readonly string[] => [
  ...new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret.toWellFormed()),
    encodeURIComponent(secret.toWellFormed()).replaceAll('%20', '+'),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
  ]),
];

/** A piece this short at the end of a cut text tells nobody anything. */
const SHORTEST_PIECE = 4;

/** Puts marks in place of secrets. `cut`: the text may end in the middle of one. */
export type Redactor = (text: string, cut?: boolean) => string;

/**
 * For many texts.
 * @param marks by form of a secret, see {@link secretForms}
 */
export const createRedactor = (marks: ReadonlyMap<string, string>): Redactor => {
  // Longest first: a secret may be part of another.
  const known = [...marks].sort(([a], [b]) => b.length - a.length);
  return (text, cut = false) => {
    let redacted = text;
    for (const [form, mark] of known) if (redacted.includes(form)) redacted = redacted.replaceAll(form, mark);
    if (!cut) return redacted;
    for (const [form, mark] of known) {
      for (let length = form.length - 1; length >= SHORTEST_PIECE; length -= 1) {
        if (redacted.endsWith(form.slice(0, length))) return redacted.slice(0, -length) + mark;
      }
    }
    return redacted;
  };
};

/** For one text; see {@link createRedactor}. */
export const redactForms = (text: string, marks: ReadonlyMap<string, string>, cut: boolean): string =>
  createRedactor(marks)(text, cut);
