import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { withSettings } from '../../scripts/config-docs.ts';
import { configTemplate } from './describe.ts';
import { DESCRIPTIONS } from './descriptions.ts';
import { SETTINGS } from './schema.ts';
import { SETTING_NAMES } from './sources.ts';

const page = readFileSync(new URL('../../docs/reference/configuration.md', import.meta.url), 'utf8');

describe('docs/reference/configuration.md', () => {
  it('is what the schema says (else run `npm run docs:config`)', () => {
    expect(page).toBe(withSettings(page));
  });

  it.each(SETTING_NAMES)('tells %s in one row', (name) => {
    expect(
      page.split('\n').filter((line) => line.startsWith(`| \`${name}\` | \`${SETTINGS[name].variable}\` |`)),
    ).toHaveLength(1);
    expect(DESCRIPTIONS[name].meaning).toMatch(/^[^|\n]{20,}[.]$/);
  });

  it('names no variable that does not exist', () => {
    const named = page.match(/\b(?:CRUCIBLE|TEMPORAL)_[A-Z_]*[A-Z]\b/g) ?? [];
    const known = new Set<string>(SETTING_NAMES.map((name) => SETTINGS[name].variable));
    const unknown = named.filter((name) => !known.has(name) && !name.startsWith('CRUCIBLE_HOOK_SECRET_'));
    expect(unknown).toEqual([]);
  });

  it('refuses a page without its marks', () => {
    expect(() => withSettings('# Configuration')).toThrow('the page must hold');
  });
});

describe('the annotated file', () => {
  it('holds every setting once, as a comment', () => {
    const lines = configTemplate().split('\n');
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
    const keys = lines.flatMap((line) => /^#(\w+):/.exec(line)?.[1] ?? []);
    expect(keys).toEqual(SETTING_NAMES);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(120);
  });
});
