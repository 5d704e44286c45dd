import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newId } from '../../../src/kernel/ids.ts';
import type { Records, Row } from '../../../src/log/records.ts';
import { createMemoryStore } from '../../../src/log/memory-store.ts';
import { createRecords } from '../../../src/log/store-records.ts';
import type { LogStore, TableWrites } from '../../../src/log/store.ts';
import { TABLES, type StoreHarness } from './harness.ts';
import { failure } from '../../../src/kernel/testing/failure.ts';

/** Full text as every storage of the log has it. The memory twin is the reference, scores and order included. */
export const describeText = (harness: StoreHarness): void => {
  const open = async (): Promise<Searched> => searched(await (await harness.database()).store());

  describe(`full text: ${harness.name}`, () => {
    test('finds what has all the words, best first, where it may look', async () => {
      const { write, find, records } = await open();
      await write({
        insert: [
          note('once', 'A graph is made of nodes and of the edges between two of them'),
          note('twice', 'Graphs, and more graphs'),
          note('other', 'Nothing of the kind'),
          note('elsewhere', 'Another graph', 'lab'),
          { id: 'no text', world: 'main' },
          { id: 'no world', text: 'graph' },
        ],
      });
      expect(await find('graph', MAIN)).toEqual(['twice', 'once']);
      expect(await find('GRAPHS edge', MAIN)).toEqual(['once']);
      expect(await find('graph nothing', MAIN)).toEqual([]);
      expect(await find('graph', ['lab'])).toEqual(['elsewhere']);
      expect((await find('graph', ['lab', 'main', 'nowhere'])).toSorted()).toEqual([
        'elsewhere',
        'once',
        'twice',
      ]);
      expect(await find('graph', [])).toEqual([]);
      expect((await find('graph', undefined)).toSorted()).toEqual(['elsewhere', 'no world', 'once', 'twice']);
      const [first, second] = await records.search({
        table: 'note',
        text: 'graph',
        within: ['main'],
        limit: 5,
      });
      expect(first?.score).toBeGreaterThan(second?.score ?? 0);
      expect(second?.score).toBeGreaterThan(0);
    });

    test('sees each commit at once: new rows, changed ones, removed ones', async () => {
      const { write, find } = await open();
      await write({ insert: [note('a', 'apple pie'), note('b', 'apple tart')] });
      expect(await find('apple', MAIN)).toEqual(['a', 'b']);
      await write({ update: [note('a', 'cherry pie')], remove: ['b'] });
      expect(await find('apple', MAIN)).toEqual([]);
      expect(await find('cherry pie', MAIN)).toEqual(['a']);
      await write({ update: [{ id: 'a', world: 'main' }], insert: [note('b', 'apple again')] });
      expect(await find('pie', MAIN)).toEqual([]);
      expect(await find('apple', MAIN)).toEqual(['b']);
      await write({ update: [note('b', 'apple again', 'lab')] });
      expect(await find('apple', MAIN)).toEqual([]);
      expect(await find('apple', ['lab'])).toEqual(['b']);
    });

    test('takes a query for words, whatever stands in it', async () => {
      const { write, find } = await open();
      const nasty =
        "x'; DELETE note; -- $words @1@ ⟩ `\" \\ ' OR true \u0000 NONE (SELECT * FROM note) *:* +a -b";
      await write({ insert: [note('nasty', nasty), note('plain', 'delete a note')] });
      expect(await find(nasty, MAIN)).toEqual(['nasty']);
      expect(await find("delete'; note", MAIN)).toEqual(['plain', 'nasty']);
      expect(await find('x\u0000or', MAIN)).toEqual(['nasty']);
      expect(await find('-delete', MAIN)).toEqual(['plain', 'nasty']);
      expect(await find('delet*', MAIN)).toEqual([]);
    });

    test('refuses a query without a word, too many of them, and limits out of range', async () => {
      const { records } = await open();
      const search = (text: string, limit = 5) =>
        failure(records.search({ table: 'note', text, within: ['main'], limit }));
      for (const text of ['', ' ', '?!', '\u0000', '😀']) {
        expect(await search(text)).toMatchObject({ code: 'invalid', issues: [{ path: 'text' }] });
      }
      const many = Array.from({ length: 65 }, (_, i) => `w${i}`).join(' ');
      expect(await search(many)).toMatchObject({ code: 'invalid', issues: [{ path: 'text' }] });
      for (const limit of [0, -1, 1.5, 10_001])
        expect(await search('word', limit)).toMatchObject({ code: 'invalid', issues: [{ path: 'limit' }] });
      await expect(
        records.search({ table: 'plain', text: 'word', within: undefined, limit: 1 }),
      ).rejects.toThrow(RangeError);
    });

    test('finds other scripts, accents and words of code', async () => {
      const { write, find } = await open();
      await write({
        insert: [
          note('german', 'Größe und Äpfel: die Straße nach Müllheim'),
          note('code', 'call `getUserName()` of node.js with snake_case'),
          note('chinese', '机器学习是人工智能的一个分支'),
          note('japanese', 'カタカナで書いた日本語の文章'),
          note('korean', '한국어 문장'),
          note('russian', 'Быстрая лиса'),
        ],
      });
      for (const text of ['grosse', 'GRÖSSE', 'apfel', 'strasse', 'mullheim'])
        expect(await find(text, MAIN)).toEqual(['german']);
      for (const text of ['getusername', 'node.js', 'snake_case', 'case snake'])
        expect(await find(text, MAIN)).toEqual(['code']);
      for (const text of ['机器学习', '人工', '智']) expect(await find(text, MAIN)).toEqual(['chinese']);
      for (const text of ['日本語', 'カタカナ', '文章']) expect(await find(text, MAIN)).toEqual(['japanese']);
      expect(await find('한국어', MAIN)).toEqual(['korean']);
      expect(await find('быстрая', MAIN)).toEqual(['russian']);
    });

    test('takes a megabyte of text with tens of thousands of words', async () => {
      const { write, find } = await open();
      const words = Array.from({ length: 40_000 }, (_, i) => `word${i.toString(36)}`);
      const text = Array.from({ length: 130_000 }, (_, i) => words[(i * 7_919) % words.length]).join(' ');
      expect(text.length).toBeGreaterThan(1_000_000);
      await write({ insert: [note('large', `${text} needle`), note('small', 'needle')] });
      expect(await find('needle', MAIN)).toEqual(['small', 'large']);
      expect(await find(`needle ${words[39_999]}`, MAIN)).toEqual(['large']);
      await write({ update: [note('large', 'short now')] });
      expect(await find('needle', MAIN)).toEqual(['small']);
    });

    test('gives no more than the limit, the best ones, from a world among many rows', async () => {
      const { write, find } = await open();
      const insert = Array.from({ length: 400 }, (_, i) =>
        note(`n${i}`, i % 100 === 7 ? 'topic topic' : 'topic and filler', i % 4 === 3 ? 'lab' : 'main'),
      );
      await write({ insert });
      expect(await find('topic', ['lab'], 4)).toEqual(['n107', 'n207', 'n307', 'n7']);
      expect(await find('topic', ['lab'], 10_000)).toHaveLength(100);
      expect(await find('topic', undefined, 300)).toHaveLength(300);
    });

    test('stays right under two thousand updates of two hundred rows', async () => {
      const { write, records } = await open();
      const twin = searched(createMemoryStore({ tables: TABLES }));
      const random = createRandom(1);
      const text = (): string =>
        Array.from({ length: 30 }, () => VOCABULARY[random(VOCABULARY.length)]).join(' ');
      const both = async (writes: Partial<TableWrites>): Promise<void> => {
        await write(writes);
        await twin.write(writes);
      };
      await both({ insert: Array.from({ length: 200 }, (_, i) => note(`n${i}`, text())) });
      for (let round = 0; round < 40; round += 1) {
        const ids = new Set(Array.from({ length: 50 }, () => `n${random(200)}`));
        await both({ update: [...ids].map((id) => note(id, text())) });
      }
      for (const word of VOCABULARY) {
        const search = { table: 'note', text: word, within: ['main'], limit: 1_000 };
        expect(await records.search(search)).toEqual(await twin.records.search(search));
      }
    });

    test('random writes and searches give what the memory twin gives, to the score', async () => {
      const { write, records } = await open();
      const twin = searched(createMemoryStore({ tables: TABLES }));
      const existing = new Set<string>();
      await fc.assert(
        fc.asyncProperty(
          fc.array(noteArbitrary, { maxLength: 12 }),
          fc.array(fc.nat({ max: 30 }), { maxLength: 3 }),
          fc.array(searchArbitrary, { minLength: 1, maxLength: 8 }),
          async (notes, removals, searches) => {
            const byId = new Map(notes.map((row) => [row.id, row]));
            const remove = [...new Set(removals.flatMap((n) => [...existing][n] ?? []))];
            const kept = remove.filter((id) => !byId.has(id));
            const rows = [...byId.values()];
            const writes = {
              insert: rows.filter(({ id }) => !existing.has(id)),
              update: rows.filter(({ id }) => existing.has(id)),
              remove: kept,
            };
            await write(writes);
            await twin.write(writes);
            for (const id of byId.keys()) existing.add(id);
            for (const id of kept) existing.delete(id);
            for (const search of searches)
              expect(await records.search(search)).toEqual(await twin.records.search(search));
          },
        ),
        { numRuns: 40 },
      );
    });
  });
};

interface Searched {
  readonly records: Records;
  write(writes: Partial<TableWrites>): Promise<void>;
  /** The ids that are found. */
  find(text: string, within: readonly string[] | undefined, limit?: number): Promise<string[]>;
}

const searched = (store: LogStore): Searched => {
  const records = createRecords(store);
  const lease = store.acquire();
  return {
    records,
    async write(writes) {
      const { epoch } = await lease;
      const all = { table: 'note', insert: [], update: [], remove: [], ...writes };
      await store.commit({ id: newId('cmt'), epoch, commit: undefined, writes: [all] });
    },
    async find(text, within, limit = 100) {
      const found = await records.search({ table: 'note', text, within, limit });
      return found.map(({ id }) => id);
    },
  };
};

const MAIN = ['main'];

const note = (id: string, text: string, world = 'main'): Row => ({ id, text, world });

const VOCABULARY = [
  'apple',
  'Äpfel',
  'graph',
  'node.js',
  '東京',
  '東京都',
  'x86_64',
  'it’s',
  'the',
  ...Array.from({ length: 30 }, (_, i) => `term${i}`),
];

const textArbitrary = fc
  .array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...VOCABULARY) }, fc.string({ maxLength: 6 })), {
    maxLength: 12,
  })
  .map((words) => words.join(' '));
const noteArbitrary = fc.record(
  {
    id: fc.constantFrom(...Array.from({ length: 30 }, (_, i) => `note ${i}`)),
    text: textArbitrary,
    world: fc.constantFrom('main', 'lab', ''),
  },
  { requiredKeys: ['id'] },
);
const searchArbitrary = fc.record({
  table: fc.constant('note'),
  text: fc
    .array(fc.constantFrom(...VOCABULARY), { minLength: 1, maxLength: 3 })
    .map((words) => words.join(' ')),
  within: fc.option(fc.subarray(['main', 'lab', '', 'nowhere']), { nil: undefined }),
  limit: fc.constantFrom(1, 3, 100),
});

/** Numbers from 0 up to `below`, the same ones for a seed (Lehmer 1951). */
const createRandom = (seed: number): ((below: number) => number) => {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
};
