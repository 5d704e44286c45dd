import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { documentWords, queryWords } from './words.ts';

describe('words', () => {
  it.each([
    ['Case and ACCENTS: Müller, Café, Straße', ['case', 'and', 'accent', 'muller', 'cafe', 'strasse']],
    [
      'the same letters in two forms: e\u0301 \u00e9',
      ['the', 'same', 'letter', 'in', 'two', 'form', 'e', 'e'],
    ],
    ['node.js, snake_case, getUserName(), C++', ['node', 'js', 'snake', 'case', 'getusername', 'c']],
    ["don't #tag [[Wiki Link|shown]] a/b", ['don', 't', 'tag', 'wiki', 'link', 'shown', 'a', 'b']],
    ['cities classes bus glass Haus Autos es', ['city', 'classe', 'bus', 'glass', 'haus', 'auto', 'es']],
    ['v2.1 ١٢٣ x86_64', ['v2', '1', '١٢٣', 'x86', '64']],
    ['हिन्दी 한국어 ελληνικά', ['हिन्दी', '한국어', 'ελληνικα']],
    ['日本語', ['日', '本', '語', '日本', '本語']],
    ['React入門 ガイド', ['react', '入', '門', '入門', 'ガ', 'イ', 'ド', 'ガイ', 'イド']],
    ['nul\u0000byte 😀 \ud800', ['nul', 'byte']],
    ['', []],
  ])('of a document: %s', (text, words) => {
    expect(documentWords(text)).toEqual(words);
  });

  it('of a query are each once, and pairs of characters where there are no blanks', () => {
    expect(queryWords('Link links LINK')).toEqual(['link']);
    expect(queryWords('日本語 語')).toEqual(['日本', '本語', '語']);
    expect(queryWords('… ?! *')).toEqual([]);
  });

  it('cut what is no word any more', () => {
    const [word] = documentWords('a'.repeat(100_000));
    expect(word).toHaveLength(64);
    expect(queryWords('a'.repeat(70))).toEqual([word]);
  });

  it('find every text by itself, and hold nothing but letters, digits and marks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const words = documentWords(text);
        expect(words).toEqual(expect.arrayContaining(queryWords(text)));
        expect(words.filter((word) => !/^[\p{L}\p{N}\p{M}]+$/u.test(word))).toEqual([]);
        expect(documentWords(text.normalize('NFD'))).toEqual(documentWords(text.normalize('NFC')));
      }),
    );
  });
});
