import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readFrontMatter } from './front-matter.ts';

const file = (yaml: string, body = '# Body\n'): string => `---\n${yaml}\n---\n${body}`;

describe('readFrontMatter', () => {
  it('reads YAML and keeps the Markdown below it', () => {
    const { value, body, issues } = readFrontMatter(
      file('name: a\nlist: [1, two]', '\n# Title\n\ntext --- more\n\n---\nend\n'),
    );
    expect(issues).toEqual([]);
    expect(value).toEqual({ name: 'a', list: [1, 'two'] });
    expect(body).toBe('# Title\n\ntext --- more\n\n---\nend');
  });

  it('reads a file with a byte order mark and CRLF like any other', () => {
    const plain = readFrontMatter(file('name: a\ntext: |\n  one\n  two'));
    const windows = readFrontMatter(
      `\uFEFF${file('name: a\ntext: |\n  one\n  two')}`.replaceAll('\n', '\r\n'),
    );
    expect(windows.issues).toEqual([]);
    expect(windows.value).toEqual(plain.value);
    expect(windows.body).toBe(plain.body);
    expect(windows.locator.locate('text')).toEqual({ line: 3, column: 1 });
  });

  it.each([
    '---js',
    '---JS',
    '--- javascript',
    '---javascript',
    '---coffee',
    '---json',
    '---toml',
    '---yaml',
    '--- yaml',
    '---constructor',
    '---__proto__',
    '--- ',
    '----',
    '\u00a0---',
    ' ---',
    '',
    '# Title',
    '---\rname: a\r---',
  ])('refuses a first line %j and runs nothing', (first) => {
    const global = globalThis as { planted?: boolean };
    const { value, issues } = readFrontMatter(`${first}\n{ a: (globalThis.planted = true) }\n---\n`);
    expect(global.planted).toBeUndefined();
    expect(value).toBeUndefined();
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatchObject({
      line: 1,
      column: 1,
      message: expect.stringContaining('exactly `---`'),
    });
  });

  it('says where front matter lacks its end or ends oddly', () => {
    expect(readFrontMatter('---\nname: a\n').issues).toMatchObject([
      { message: 'the front matter has no end' },
    ]);
    expect(readFrontMatter('---\nname: a\n---js\nx\n---\n').issues).toMatchObject([{ line: 3 }]);
    expect(readFrontMatter('---\nname: a\n----\n').issues).toMatchObject([{ line: 3 }]);
  });

  it('finds nothing in front matter that holds nothing or comments only', () => {
    for (const yaml of ['', '# only a comment', '~']) {
      const { value, issues } = readFrontMatter(file(yaml));
      expect(issues).toEqual([]);
      expect(value).toBeNull();
    }
  });

  it('gives the line and column of every YAML problem', () => {
    const { issues } = readFrontMatter(file('name: a\nname: b\ntrigger:\n\tevents: 1'));
    expect(issues.map(({ line, column }) => [line, column])).toEqual([
      [3, 1],
      [5, 1],
    ]);
  });

  it.each([
    ['a tag of another language', 'a: !!js/function "function () {}"', 'tag'],
    ['an unknown tag', 'a: !secret x', 'tag'],
    ['binary', 'a: !!binary aGk=', 'not JSON'],
    ['infinity', 'a: .inf', 'not a number that JSON knows'],
    ['not a number', 'a: .nan', 'not a number that JSON knows'],
    ['an integer beyond 2^53', 'a: 9007199254740993', 'too large'],
    ['__proto__', 'a: { __proto__: { polluted: true } }', '__proto__'],
    ['NUL', 'a: "x\\0y"', 'NUL'],
    ['half a character', 'a: "\\ud800"', 'surrogate'],
    ['a second document', 'a: 1\n...\nb: 2', ''],
    ['a directive', '%YAML 1.1', ''],
  ])('refuses %s', (_name, yaml, message) => {
    const { value, issues } = readFrontMatter(file(yaml));
    expect(value).toBeUndefined();
    expect(issues.length).toBeGreaterThan(0);
    expect(issues[0]?.message).toContain(message);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('refuses an alias bomb, a cycle and 20,000 levels', () => {
    const level = (name: string, of: string): string =>
      `${name}: &${name} [${Array(9).fill(`*${of}`).join(', ')}]`;
    const bomb = ['a: &a [x, x, x]', level('b', 'a'), level('c', 'b'), level('d', 'c'), level('e', 'd')].join(
      '\n',
    );
    for (const yaml of [
      bomb,
      'a: &a [*a]',
      '['.repeat(20_000),
      `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
      `a: ${'{a: '.repeat(10_000)}`,
      `${'- '.repeat(20_000)}x`,
      `${'? '.repeat(20_000)}x`,
    ]) {
      const { value, issues } = readFrontMatter(file(yaml));
      expect(value).toBeUndefined();
      expect(issues.length).toBeGreaterThan(0);
    }
  });

  it('accepts a few aliases', () => {
    expect(readFrontMatter(file('a: &a { x: 1 }\nb: *a')).value).toEqual({ a: { x: 1 }, b: { x: 1 } });
  });

  it('refuses what is too large', () => {
    expect(readFrontMatter(file(`a: ${'x'.repeat(70_000)}`)).issues).toMatchObject([{ message: /64 KiB/ }]);
    expect(readFrontMatter(file('a: 1', 'x'.repeat(600_000))).issues).toMatchObject([{ message: /512 KiB/ }]);
  });

  it('reads back whatever plain JSON is written as YAML', () => {
    const text = fc.string({ unit: 'binary' }).filter((s) => s.isWellFormed() && !/[\0\uFEFF]|---/.test(s));
    const value = fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      fc.oneof(text, fc.maxSafeInteger(), fc.boolean(), fc.constant(null), fc.array(text)),
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(value, (written) => {
        const read = readFrontMatter(file(stringify(written)));
        expect(read.issues).toEqual([]);
        expect(read.value).toEqual(JSON.parse(JSON.stringify(written)));
      }),
    );
  });
});

describe('the locator', () => {
  const yaml = [
    'name: a', // 2
    'trigger:', // 3
    '  events:', // 4
    '    - type: memory.created', // 5
    '      filter:', // 6
    '        metadata: 1', // 7
    '        metadata.author: x', // 8
    '    - { type: b }', // 9
    'shared: &s', // 10
    '  x: 1', // 11
    'again: *s', // 12
    'source: |', // 13
    '  one', // 14
    '    two', // 15
  ].join('\n');
  const { locator } = readFrontMatter(file(yaml));

  it.each([
    ['name', 2, 1],
    ['trigger.events', 4, 3],
    ['trigger.events.0', 5, 7],
    ['trigger.events.0.type', 5, 7],
    ['trigger.events.0.filter.metadata.author.equals', 8, 9],
    ['trigger.events.0.filter.metadata', 7, 9],
    ['trigger.events.1.type', 9, 9],
    ['trigger.events.7.type', 4, 3],
    ['trigger.evnts', 3, 1],
    ['again.x', 11, 3],
    ['missing', 2, 1],
    ['', 2, 1],
  ])('finds %j at %i:%i', (path, line, column) => {
    expect(locator.locate(path)).toEqual({ line, column });
  });

  it('finds lines inside a block of text', () => {
    expect(locator.insideBlock('source', { line: 1, column: 1 })).toEqual({ line: 14, column: 3 });
    expect(locator.insideBlock('source', { line: 2, column: 3 })).toEqual({ line: 15, column: 5 });
    expect(locator.insideBlock('name', { line: 1, column: 1 })).toBeUndefined();
  });
});
