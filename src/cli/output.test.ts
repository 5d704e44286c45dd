import { describe, expect, it } from 'vitest';
import { printable, printableLines, shortened } from './printable.ts';
import { render, type OutputFormat } from './output.ts';

const PAGE = {
  data: [
    { id: 'a', tags: ['#x', '#y'], inner: { n: 1 }, none: null },
    { id: 'b'.repeat(100), tags: [], inner: { n: 2 }, none: 'long '.repeat(20) },
  ],
  next_cursor: null,
};
const shape = { rows: 'data', columns: ['id', 'tags', 'inner.n', 'none'] };
const as = (format: OutputFormat, answer: unknown = PAGE, how = shape): string =>
  render(answer, how, { format, colors: false });

describe('answers as text', () => {
  it('a list is a table whose first column is never cut', () => {
    const [head, first, second = ''] = as('table').split('\n');
    expect(head).toMatch(/^ID +TAGS +N +NONE$/);
    expect(first).toMatch(/^a +#x, #y +1 +-$/);
    expect(second).toContain('b'.repeat(100));
    expect(second).toMatch(/…$/);
  });

  it('a list is a line for each entry, also where there is none', () => {
    expect(
      as('jsonl')
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(PAGE.data);
    expect(as('jsonl', { data: [] })).toBe('');
    expect(as('table', { data: [] })).toBe('');
  });

  it('JSON and YAML hold all of the answer', () => {
    expect(JSON.parse(as('json'))).toEqual(PAGE);
    expect(as('yaml', { a: [1, 'yes'] }, shape)).toBe('a:\n  - 1\n  - yes');
  });

  it('one thing is a table of its fields, and one line', () => {
    const one = { id: 'a', nested: { n: 1 }, text: 'one\ntwo' };
    expect(render(one, {}, { format: 'table', colors: false }).split('\n')).toEqual([
      'id      a',
      'nested  {"n":1}',
      'text    one two',
    ]);
    expect(render(one, {}, { format: 'jsonl', colors: false })).toBe(JSON.stringify(one));
  });

  it('colours stand in tables only', () => {
    expect(render(PAGE, shape, { format: 'table', colors: true })).toContain('\u001b[1m');
    expect(render(PAGE, shape, { format: 'json', colors: true })).not.toContain('\u001b');
  });
});

describe('text of others', () => {
  it('cannot move the cursor, turn text around, or add lines', () => {
    expect(printable('a\u001b[2J\u0007b\u202ec\u009bd\n\te')).toBe('a�[2J�b�c�d e');
    expect(printableLines('a\r\nb\u001b')).toBe('a\nb�');
  });

  it('is cut between characters', () => {
    expect(shortened('😀😀😀', 2)).toBe('😀…');
    expect(shortened('ab', 2)).toBe('ab');
  });
});
