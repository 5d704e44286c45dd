import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from './schema.ts';

const PAGE = new URL('../../docs/reference/configuration.md', import.meta.url);

interface DocumentedSetting {
  readonly name: string;
  readonly variable: string;
  /** The cell as it stands: a value in code marks, or words. */
  readonly defaultCell: string;
  readonly meaning: string;
}

const ROW = /^\| `(?<name>\w+)` \| `(?<variable>\w+)` \| (?<defaultCell>[^|]+) \| (?<meaning>[^|]+) \|$/gm;

/** The rows of the page's table, in order. */
const documented = (page: string): readonly DocumentedSetting[] =>
  [...page.matchAll(ROW)].map(({ groups }) => groups as unknown as DocumentedSetting);

/** The value that the schema gives to an absent setting; undefined: none, or one that depends on others. */
const defaultOf = (schema: { safeParse(value: unknown): { data?: unknown } }): unknown =>
  schema.safeParse(undefined).data;

const DERIVED = /^(?:none|generated|`[^`]*<data>[^`]*`)$/;

/** How the page must write a default; one that follows from another setting stands there in words or with `<data>`. */
const cellFor = (value: unknown, cell: string): string => {
  if (typeof value === 'string' || typeof value === 'number') return `\`${value}\``;
  if (Array.isArray(value) && value.length > 0) return `\`${value.join(',')}\``;
  return DERIVED.test(cell) ? cell : 'none, generated, or a value with <data>';
};

const page = readFileSync(PAGE, 'utf8');
const rows = documented(page);
const settings = Object.entries(SETTINGS);

describe('docs/reference/configuration.md', () => {
  it('lists every setting with its variable, in the order of the schema, and no other', () => {
    expect(rows.map(({ name, variable }) => [name, variable])).toEqual(
      settings.map(([name, { variable }]) => [name, variable]),
    );
  });

  it.each(settings)('tells the default of %s', (name, { schema }) => {
    const cell = rows.find((row) => row.name === name)?.defaultCell ?? '';
    const value = defaultOf(schema);
    expect(cell).toBe(cellFor(value, cell));
  });

  it('marks exactly the secrets as secret', () => {
    expect(rows.filter(({ meaning }) => meaning.startsWith('Secret. ')).map(({ name }) => name)).toEqual(
      settings.filter(([, setting]) => 'secret' in setting && setting.secret).map(([name]) => name),
    );
  });

  it('names no variable that does not exist', () => {
    const named = page.match(/\b(?:CRUCIBLE|TEMPORAL)_[A-Z_]*[A-Z]\b/g) ?? [];
    const known = new Set<string>(settings.map(([, { variable }]) => variable));
    const unknown = named.filter((name) => !known.has(name) && !name.startsWith('CRUCIBLE_HOOK_SECRET_'));
    expect(unknown).toEqual([]);
  });
});
