import * as fc from 'fast-check';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { visit } from 'unist-util-visit';
import { describe, expect, it } from 'vitest';
import { entitySlug, normaliseName, normaliseTag } from '../names.ts';
import { extract } from './extract.ts';

const tagsIn = (text: string): readonly string[] => extract(text).tags;
const linksIn = (text: string): readonly string[] => extract(text).links.map(({ target }) => target);

describe('tags', () => {
  it.each<[string, readonly string[]]>([
    ['#ai', ['#ai']],
    ['#AI and #ai', ['#ai']],
    ['#area/sub/Deep', ['#area/sub/deep']],
    ['#日本 #naïve #été_2024 #a-b', ['#日本', '#naïve', '#été_2024', '#a-b']],
    ['#cafe\u0301', ['#café']],
    ['(#paren) [#bracket] **#bold** a,#comma', ['#paren', '#bracket', '#bold', '#comma']],
    ['#1a #123 #1/2 #12-3', ['#1a']],
    ['#tag. #tag2, #tag3! #tag4/', ['#tag', '#tag2', '#tag3', '#tag4']],
    ['# Title\n## Two #in-heading\nsetext #three\n===', ['#in-heading', '#three']],
    ['a#b c##d ##e #f#g \\#h', []],
    ['https://x.org/#a https://x.org/p#b [t](#c) [t](x.md#d "#e") <a href="#f">', []],
    ['&#39; &#x27;', []],
    ['`#a` ``#b ` #c`` #d', ['#d']],
    ['` #open #both', ['#open', '#both']],
    ['```\n#a\n```\n#b', ['#b']],
    ['```\n#a\n~~~\n#b\n', []],
    ['~~~~\n#a\n~~~\n#b\n~~~~\n#c', ['#c']],
    ['> ```\n> #a\n#b', ['#b']],
    ['- ```\n  #a\n  ```\n- #b', ['#b']],
    ['text\n    #lazy', ['#lazy']],
    ['text\n\n    #code\n\n#after', ['#after']],
    ['- item\n\n    #item', ['#item']],
    ['<!-- #a [[b]] --> #c\n\n<!--\n#d\n-->\n#e', ['#c', '#e']],
    ['---\ntags: [One, "#two", three four]\n---\n#five', ['#one', '#two', '#three', '#four', '#five']],
    ['---\ntags: a, b\ntag: c\n---\n', ['#a', '#b', '#c']],
    ['text\n---\ntags: [no]\n---', []],
    ['#👍 #a👩‍💻', ['#👍', '#a👩‍💻']],
    [`#${'x'.repeat(101)}`, []],
    ['\uFEFF---\r\ntags: [crlf]\r\n---\r\n# T\r\n#b\r\n', ['#crlf', '#b']],
  ])('of %j are %j', (text, tags) => {
    expect(tagsIn(text)).toEqual(tags);
  });
});

describe('links', () => {
  it.each<[string, readonly string[]]>([
    ['[[A]] [[B|shown]] [[C#head]] [[D#head|x]] ![[E]] [[F^block]]', ['A', 'B', 'C', 'D', 'E', 'F^block']],
    ['[[a]] [[A]] [[ a ]] [[A#x]]', ['a']],
    ['[[#here]] [[]] [[ ]] [[|x]]', []],
    ['[[Note.md]] [[folder/Note]]', ['Note', 'folder/Note']],
    ['![[pic.PNG]] [[doc.pdf]] ![[v1.2 notes]]', ['v1.2 notes']],
    ['[t](a.md) [t](./b%20c.md#x) [t](<d e.md>) [t](../f/g.md "title")', ['a', 'b c', 'd e', 'f/g']],
    ['[t](https://x.org/a.md) [t](mailto:a.md) [t](a.txt) [t](//x/a.md) [t]( a.md)', []],
    ['[t](a%ZZ.md) [t](a_(b).md)', ['a%ZZ', 'a_(b)']],
    ['| [[A\\|x]] | b |', ['A']],
    ['`[[a]]` \\[[b]] [[c\nd]] [[e', []],
    ['[[[a]]] [[a[b]c]]', ['a']],
    ['[[x [[y]]', ['y']],
    ['---\npeople: ["[[Alice]]", Bob]\n---\n', ['Alice']],
  ])('of %j are %j', (text, links) => {
    expect(linksIn(text)).toEqual(links);
  });

  it('are told as they are written', () => {
    expect(extract('[[A|b]] [t](c%20d.md#e)').links.map(({ written }) => written)).toEqual([
      '[[A|b]]',
      '[[c d]]',
    ]);
  });
});

describe('titles, aliases and entities', () => {
  it.each<[string, string | undefined]>([
    ['---\ntitle: Front\n---\n# Head', 'Front'],
    ['---\ntitle: 2024\n---\n', '2024'],
    ['---\ntitle: [a]\n---\n# Head', 'Head'],
    ['text\n\n## *Head* with `code`, [[Link|shown]] and [t](u) ##', 'Head with code, shown and t'],
    ['Setext\ntwo\n---', 'Setext two'],
    ['# \n\n# Second', 'Second'],
    ['```\n# no\n```', undefined],
    ['#tag', undefined],
    ['', undefined],
    [`# ${'x'.repeat(201)}`, undefined],
    ['# snake_case_name', 'snake_case_name'],
  ])('the title of %j is %j', (text, title) => {
    expect(extract(text).title).toBe(title);
  });

  it('come from the front matter', () => {
    const found = extract(
      '---\naliases: [DL, dl, Deep  L]\nalias: x\nentities: OpenAI\npeople: [Ann, [[Bob]]]\n---\n',
    );
    expect(found.aliases).toEqual(['DL', 'Deep L', 'x']);
    expect(found.entities).toEqual(['OpenAI', 'Ann', 'Bob']);
  });

  it.each([
    '---\na: [1\n---\n# T',
    '---\n- list\n---\n# T',
    '---\na: !!js/function x\n---\n# T',
    '---\na: &x [*x]\n---\n# T',
  ])('of %j are the text alone, and it says why', (text) => {
    const found = extract(text);
    expect(found.title).toBe('T');
    expect(found.issues.length).toBeGreaterThan(0);
  });

  it.each(['---js\n---\n# T', '--- \na: 1\n---\n# T', '---\nnever closed'])(
    'of %j have no front matter',
    (text) => {
      expect(extract(text).issues).toEqual([]);
    },
  );
});

describe('names', () => {
  it('are the same however they are written', () => {
    expect(normaliseName('  Deep \n LEARNING ')).toBe('deep learning');
    expect(normaliseName('Cafe\u0301')).toBe(normaliseName('CAFÉ'));
    expect(normaliseName(' ')).toBe(undefined);
    expect(normaliseName('x'.repeat(201))).toBe(undefined);
  });

  it.each([
    ['Deep Learning', 'deep-learning'],
    ['C++', 'c-plus-plus'],
    ['C#', 'c-sharp'],
    ['  a/b?c ', 'a-b-c'],
    ['東京', '東京'],
  ])('%j is the entity %j', (name, slug) => {
    expect(entitySlug(name)).toBe(slug);
  });

  it('without a letter still have an entity of their own', () => {
    expect(entitySlug('???')).toMatch(/^x-[0-9a-f]{8}$/);
    expect(entitySlug('???')).not.toBe(entitySlug('!!!'));
  });

  it('and tags are normal forms', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        const name = normaliseName(text);
        expect(name === undefined ? undefined : normaliseName(name)).toBe(name);
        const tag = normaliseTag(`#${text}`);
        expect(tag === undefined ? undefined : normaliseTag(tag)).toBe(tag);
      }),
    );
  });
});

/** Pieces of Markdown with markers in them; which marker lies in code is for another parser to say. */
const PIECES = [
  'word #t0',
  '` #t1 ` #t2',
  '`` #t3 ` #t4 ``',
  '```\n#t5\n```',
  '~~~ js\n#t6\n~~~',
  '````\n```\n#t7\n````',
  '# Head #t8',
  '> quote #t9',
  '> ```\n> #t10\n> ```',
  '- item #t11',
  '1. item #t12',
  'text `open #t13',
  '    #t14',
  'Under #t15\n---',
  '***',
  'a\nb #t16 ` c\nd ` #t17',
];

const plainTags = (markdown: string): readonly string[] => {
  const found = new Set<string>();
  visit(fromMarkdown(markdown), 'text', ({ value }: { readonly value: string }) => {
    for (const [tag] of value.matchAll(/#t\d+/g)) found.add(tag);
  });
  return [...found].toSorted();
};

describe('whatever a text holds', () => {
  it('what is code is what CommonMark says', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...PIECES), fc.constantFrom('\n', '\n\n')), { maxLength: 8 }),
        (pieces) => {
          const markdown = pieces.map(([piece, gap]) => piece + gap).join('');
          expect([...tagsIn(markdown)].toSorted()).toEqual(plainTags(markdown));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('reading does not fail, and each finding stands in the text', () => {
    const piece = fc.oneof(
      fc.constantFrom(...'#[]()`~>-*_|<!\\\n\r\t \uFEFF'.split(''), '[[', ']]', '](', '---\n', '<!--', '```'),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const text = pieces.join('');
        const { tags, links, aliases } = extract(text);
        const lower = text.normalize('NFC').toLowerCase().normalize('NFC');
        expect(tags.filter((tag) => !lower.includes(tag.slice(1)))).toEqual([]);
        expect(links.every(({ target }) => normaliseName(target) !== undefined)).toBe(true);
        expect(new Set(tags).size).toBe(tags.length);
        expect(aliases).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  const MEBIBYTES = 10 * 1024 * 1024;
  const repeated = (unit: string): string => unit.repeat(Math.ceil(MEBIBYTES / unit.length));
  it.each([
    '[[',
    '[[a',
    '](',
    '](<',
    '](a',
    '`a',
    '`a ``b ',
    '> ',
    '- ',
    '#',
    '#a ',
    '<!--',
    '<!--\n',
    '---\n',
    '---\na: 1\n',
    '*',
    ' ',
    '\t',
    '\\',
    '[[a]] ',
    'a\n',
    '(',
    '[](((((((((((((((((((((((((((((((\n',
    '# #',
  ])('ten mebibytes of %j are read in a moment', { timeout: 20_000 }, (unit) => {
    // Were the work quadratic, this would take hours.
    expect(extract(repeated(unit)).issues.length).toBeLessThan(10);
  });
});
