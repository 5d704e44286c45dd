import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PLANTED_FAULTS } from './planted/faults.ts';
import { planted } from './planted/planted.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENT = join(ROOT, 'docs/develop/testing.md');

/** The cells of the table under a heading, without its head. */
const rowsUnder = (heading: string): readonly (readonly string[])[] => {
  const [, section = ''] = readFileSync(DOCUMENT, 'utf8').split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  const rows = own.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};
const linked = (cell: string): string => {
  const [, path] = /\]\(([^)]+)\)/.exec(cell) ?? [];
  if (path === undefined) throw new Error(`there is no link in ${cell}`);
  return resolve(dirname(DOCUMENT), path);
};
/** Whether a title in this source has the words in it, so that a comment does not count. */
const hasTitle = (source: string, words: string): boolean =>
  source.split('\n').some((line) => {
    const at = line.indexOf(words);
    return at >= 0 && /(?:^\s*|\()['"`]/.test(line.slice(0, at));
  });
const edits = PLANTED_FAULTS.flatMap(({ name, edits: some }) => some.map((edit) => ({ name, ...edit })));
const reds = PLANTED_FAULTS.flatMap(({ name, red }) => red.map((one) => ({ name, ...one })));

describe('the table of faults', () => {
  const rows = rowsUnder('Faults that are survived');

  it('has its rows', () => {
    expect(rows.length).toBeGreaterThan(25);
  });

  it.each(rows)('names a test that is there: %s', (_fault, _holds, file = '', words = '') => {
    expect(words).not.toBe('');
    expect(hasTitle(readFileSync(linked(file), 'utf8'), words)).toBe(true);
  });

  it('does not find what is not there, or stands in a comment', () => {
    expect(hasTitle("it('works', () => {});\n// also 'breaks'", 'works')).toBe(true);
    expect(hasTitle("it('works', () => {});\n// breaks", 'breaks')).toBe(false);
  });
});

describe('the planted faults', () => {
  it('are the ones in the document', () => {
    const named = rowsUnder('Planted faults').map(([name = '']) => name.toLowerCase());
    expect(named).toEqual(PLANTED_FAULTS.map(({ name }) => name.toLowerCase()));
  });

  it.each(edits)('can still be planted: $name in $file', (edit) => {
    const source = readFileSync(join(ROOT, edit.file), 'utf8');
    expect(planted(source, edit)).not.toBe(source);
  });

  it.each(reds)('have tests to catch them: $name, $file', ({ file, test }) => {
    // In the file itself, or in a contract beside it.
    const folder = dirname(join(ROOT, file));
    readFileSync(join(ROOT, file));
    const sources = readdirSync(folder).filter((name) => name.endsWith('.ts'));
    expect(sources.some((name) => hasTitle(readFileSync(join(folder, name), 'utf8'), test))).toBe(true);
  });
});
