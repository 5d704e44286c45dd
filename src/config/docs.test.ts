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
  [...page.matchAll(ROW)].map(({ groups }) => ({ ...groups }) as unknown as DocumentedSetting);

/** The value that the schema gives to an absent setting; undefined: none, or one that depends on others. */
const defaultOf = (schema: { safeParse(value: unknown): { data?: unknown } }): unknown =>
  schema.safeParse(undefined).data;

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
    const cell = rows.find((row) => row.name === name)?.defaultCell;
    const value = defaultOf(schema);
    if (typeof value === 'string' || typeof value === 'number') expect(cell).toBe(`\`${value}\``);
    // A default that follows from another setting is given in words or with <data>.
    else expect(cell).toMatch(/^(?:none|generated|`[^`]*<data>[^`]*`)$/);
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
