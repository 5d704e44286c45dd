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

/**
 * Puts its mark in place of every form of a secret.
 * @param marks by form
 * @param cut the text may end in the middle of a secret
 */
export const redactForms = (text: string, marks: ReadonlyMap<string, string>, cut: boolean): string => {
  // Longest first: a secret may be part of another.
  const known = [...marks].sort(([a], [b]) => b.length - a.length);
  let redacted = text;
  for (const [form, mark] of known) redacted = redacted.replaceAll(form, mark);
  if (!cut) return redacted;
  for (const [form, mark] of known) {
    for (let length = form.length - 1; length >= SHORTEST_PIECE; length -= 1) {
      if (redacted.endsWith(form.slice(0, length))) return redacted.slice(0, -length) + mark;
    }
  }
  return redacted;
};
