import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { createIgnore } from './ignore.ts';
import { mimeTypeOf } from './mime.ts';
import { ancestorsOf, documentName, isDocument, isWithin, outermost, readPath } from './place.ts';

describe('what is ignored', () => {
  it.each([
    ['.*', '.git/config', true],
    ['.*', 'a/.hidden', true],
    ['.*', 'a.b/c.d', false],
    ['*~', 'a/b.md~', true],
    ['node_modules', 'a/node_modules/b', true],
    ['node_modules', 'a/node_modules2/b', false],
    ['dra?t*', 'drafts/a', true],
    ['?', 'ab', false],
    ['?', 'a/𝄞', true],
    ['a+b', 'aab', false],
    ['(x)|[y]-{1}^$\\', 'a/(x)|[y]-{1}^$\\', true],
    ['my-notes', 'my-notes/a', true],
    ['*', '', false],
    ['', 'a', false],
  ])('%s on %s: %s', (pattern, path, expected) => {
    expect(createIgnore([pattern])(path)).toBe(expected);
  });

  test('any text is a pattern, and one without wildcards matches itself alone', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[/*?]/.test(text));
    fc.assert(
      fc.property(name, name, (pattern, other) => {
        expect(createIgnore([pattern])(pattern)).toBe(true);
        expect(createIgnore([pattern])(other)).toBe(pattern === other);
      }),
    );
  });
});

describe('paths', () => {
  it('knows documents and what they are called', () => {
    expect(['a.md', 'b/A.MD', 'c.Markdown', 'd.mdx', 'md', '.md'].map(isDocument)).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(['a/b.c.md', 'ü.markdown', 'a/md.md'].map(documentName)).toEqual(['b.c', 'ü', 'md']);
  });

  it('keeps the outermost of paths, whatever sorts between them', () => {
    expect(outermost(['a/b', 'a', 'a-b', 'a/b/c', 'ab', 'c/d', 'a'])).toEqual(['a', 'a-b', 'ab', 'c/d']);
    expect(outermost(['a', '', 'b/c'])).toEqual(['']);
    const path = fc.array(fc.constantFrom('a', 'b', 'a-'), { maxLength: 3 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.array(path), (paths) => {
        const kept = outermost(paths);
        for (const each of paths) expect(kept.filter((scope) => isWithin(each, scope))).toHaveLength(1);
      }),
    );
  });

  it('reads what clients give', () => {
    expect(['', '.', './a//b/', 'a/./b', '...', 'a..b'].map(readPath)).toEqual([
      '',
      '',
      'a/b',
      'a/b',
      '...',
      'a..b',
    ]);
    for (const bad of ['..', 'a/..', '/a', 'C:/a', 'a\\b', 'a\0', '\ud800'])
      expect(() => readPath(bad)).toThrow(expect.objectContaining({ code: 'invalid' }));
    expect(ancestorsOf('a/b/c')).toEqual(['a', 'a/b']);
  });

  it('tells what a file holds by its name', () => {
    expect(['a/b.MD', 'x.png', 'png', 'a.constructor', 'b.unknown'].map(mimeTypeOf)).toEqual([
      'text/markdown',
      'image/png',
      undefined,
      undefined,
      undefined,
    ]);
  });
});
