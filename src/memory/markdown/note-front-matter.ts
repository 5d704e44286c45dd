import type { Issue } from '../../kernel/errors.ts';
import { readFrontMatter } from '../../kernel/front-matter/front-matter.ts';
import type { JsonObject, JsonValue } from '../../kernel/json.ts';

export interface NoteParts {
  /** What the front matter says; undefined: there is none, or it cannot be read. */
  readonly fields: JsonObject | undefined;
  readonly body: string;
  /** Why it could not be read. The note is taken all the same. */
  readonly issues: readonly Issue[];
}

/**
 * Parts a note, whose line ends are `\n`, into front matter and Markdown. Only a first line that is exactly `---` and a
 * later one that is the same make front matter; everything else is Markdown.
 */
export const partNote = (text: string): NoteParts => {
  if (!text.startsWith('---\n')) return { fields: undefined, body: text, issues: [] };
  const end = text.startsWith('---\n', 4) ? 4 : text.indexOf('\n---\n', 3) + 1;
  const last = end > 0 ? end : text.endsWith('\n---') ? text.length - 3 : 0;
  if (last === 0) return { fields: undefined, body: text, issues: [] };
  const { value, issues } = readFrontMatter(text.slice(0, last + 3));
  const body = text.slice(last + 4);
  if (issues.length > 0) return { fields: undefined, body, issues };
  if (value === null || value === undefined) return { fields: {}, body, issues: [] };
  if (typeof value === 'object' && !Array.isArray(value))
    return { fields: value as JsonObject, body, issues: [] };
  const message = 'the front matter is no list of fields';
  return { fields: undefined, body, issues: [{ path: '', message, line: 2, column: 1 }] };
};

/** `a`, `[a, b]`, and `[[a]]`, which YAML takes for a list in a list. Other values say nothing. */
export const textsIn = (value: JsonValue | undefined): readonly string[] => {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  return Array.isArray(value) ? (value as readonly JsonValue[]).flatMap(textsIn) : [];
};
