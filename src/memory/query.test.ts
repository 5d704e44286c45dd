import { describe, expect, it } from 'vitest';
import { isCrucibleError } from '../kernel/errors.ts';
import { openMemories, type MemoryOptions } from '../../test/support/memories.ts';
import type { MemoryQuery } from './memory.ts';

/** A few memories in two worlds, and a query over them that answers with names. */
const openNotes = async (options: MemoryOptions = {}) => {
  const open = await openMemories(options);
  const ids = new Map<string, string>();
  const titles = new Map<string, string>();
  const add = async (title: string, content: string, world = 'default'): Promise<void> => {
    const { id } = await open.in(world, () => open.service.create({ content: `# ${title}\n${content}` }));
    ids.set(title, id);
    titles.set(id, title);
  };
  await add('Attention', 'Attention attention attention #ai #paper [[Transformers]]');
  await add('Transformers', 'They use attention, and much more besides: layers, norms, heads. #ai');
  await add('Gardening', 'Tomatoes want water and sun. [[Soil]]');
  await add('Soil', 'Worms. #garden [[Transformers]]');
  await add('Elsewhere', 'attention', 'lab');
  const idOf = (title: string): string => ids.get(title) ?? title;
  const ask = (query: Partial<MemoryQuery>, visible: readonly string[] | undefined = ['default']) =>
    open.in('default', () => open.service.query({ limit: 10, page: 1, ...query }, { visible }));
  const find = async (query: Partial<MemoryQuery>, visible?: readonly string[]) =>
    (await ask(query, visible)).results.map(({ memory }) => titles.get(memory.id));
  return {
    open,
    idOf,
    ask,
    find,
    [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
  };
};

describe('a query', () => {
  it('by text finds what was written a moment ago, the best first, and says why', async () => {
    await using notes = await openNotes();
    const { results, total, semantic_by: by } = await notes.ask({ text: 'attention' });
    expect(results.map(({ memory, match_reason: why }) => [memory.title, why])).toEqual([
      ['Attention', 'name, text'],
      ['Transformers', 'text'],
    ]);
    expect(results[0]?.relevance).toBe(1);
    expect(results[1]?.relevance).toBeGreaterThan(0);
    expect(results[1]?.relevance).toBeLessThan(1);
    expect([total, by]).toEqual([2, null]);
    expect(await notes.find({ text: 'attention' }, ['default', 'lab'])).toContain('Elsewhere');
  });

  it('of all worlds looks into each, also one that has come since the last question', async () => {
    await using notes = await openNotes();
    const { open } = notes;
    const everywhere = async (query: Partial<MemoryQuery>): Promise<readonly string[]> =>
      (await open.service.query({ limit: 10, page: 1, ...query })).results.map(({ memory }) => memory.title);
    expect(await everywhere({ tags: ['#ai'] })).toEqual(['Transformers', 'Attention']);
    expect(await everywhere({ text: 'elsewhere' })).toEqual(['Elsewhere']);
    await open.in('new', () => open.service.create({ content: '# Farther\n#ai' }));
    expect(await everywhere({ tags: ['#ai'] })).toEqual(['Farther', 'Transformers', 'Attention']);
    expect(await everywhere({ text: 'farther' })).toEqual(['Farther']);
  });

  it.each<[string, Partial<MemoryQuery>, readonly string[]]>([
    ['a tag', { tags: ['#AI'] }, ['Transformers', 'Attention']],
    ['all of several tags', { tags: ['#ai', '#paper'] }, ['Attention']],
    ['text and a tag', { text: 'attention', tags: ['#paper'] }, ['Attention']],
    ['nothing', {}, ['Soil', 'Gardening', 'Transformers', 'Attention']],
    ['no such tag', { tags: ['#none'] }, []],
    ['relevance', { text: 'attention', min_relevance: 0.999 }, ['Attention']],
    ['a name that is no word of the text alone', { text: 'SOIL' }, ['Soil', 'Gardening']],
  ])('by %s', async (_, query, titles) => {
    await using notes = await openNotes();
    expect(await notes.find(query)).toEqual(titles);
  });

  it('by who links to a memory', async () => {
    await using notes = await openNotes();
    const linked = notes.idOf('Transformers');
    expect(await notes.find({ linked_to: linked })).toEqual(['Soil', 'Attention']);
    expect(await notes.find({ linked_to: linked, text: 'worms' })).toEqual(['Soil']);
    const elsewhere = notes.ask({ linked_to: notes.idOf('Elsewhere') });
    await expect(elsewhere).rejects.toMatchObject({ code: 'invalid', issues: [{ path: 'linked_to' }] });
  });

  it('by time, to the millisecond', async () => {
    await using notes = await openNotes();
    const at = (await notes.open.service.get(notes.idOf('Gardening'))).updated_at;
    expect(await notes.find({ since: at })).toEqual(['Soil', 'Gardening']);
    expect(await notes.find({ until: at })).toEqual(['Transformers', 'Attention']);
    expect(await notes.find({ since: at, until: at + 1 })).toEqual(['Gardening']);
    expect(await notes.find({ until: 8_640_000_000_000_000, since: -1 })).toHaveLength(4);
  });

  it('in pages that tell the total', async () => {
    await using notes = await openNotes();
    const pages = [1, 2, 3].map((page) => notes.ask({ limit: 2, page }));
    const answers = await Promise.all(pages);
    expect(answers.map(({ results }) => results.map(({ memory }) => memory.title))).toEqual([
      ['Soil', 'Gardening'],
      ['Transformers', 'Attention'],
      [],
    ]);
    expect(answers.map(({ total, page, per_page: per }) => [total, page, per])).toEqual([
      [4, 1, 2],
      [4, 2, 2],
      [4, 3, 2],
    ]);
  });

  it('finds neither what went into another nor what is gone', async () => {
    await using notes = await openNotes();
    const ids = [notes.idOf('Gardening'), notes.idOf('Soil')];
    await notes.open.in('default', () => notes.open.service.consolidate({ ids, content: '# Plants\nWorms' }));
    await notes.open.in('default', () => notes.open.service.remove(notes.idOf('Attention')));
    expect(await notes.find({ text: 'attention' })).toEqual(['Transformers']);
    const { results } = await notes.ask({ text: 'worms' });
    expect(results.map(({ memory }) => memory.title)).toEqual(['Plants']);
    expect(await notes.find({ tags: ['#garden'] })).toHaveLength(1);
  });

  it('by meaning where there is an endpoint, with the text beside it', async () => {
    let idOf = (title: string): string => title;
    await using notes = await openNotes({
      semantic: {
        search: async (text, { worlds, limit }) => {
          expect([text, worlds, limit]).toEqual(['focus', ['default'], 1_000]);
          return {
            matches: [
              { id: idOf('Transformers'), world: 'default', score: 0.8 },
              { id: idOf('Soil'), world: 'default', score: -0.1 },
              { id: 'msg_gone', world: 'default', score: 0.7 },
            ],
            pending: 2,
          };
        },
      },
    });
    ({ idOf } = notes);
    const answer = await notes.ask({ semantic: 'focus' });
    expect(answer).toMatchObject({ semantic_by: 'meaning', semantic_pending: 2, total: 2 });
    expect(answer.results[0]).toMatchObject({ relevance: 0.8, match_reason: 'meaning' });
    const both = await notes.ask({ semantic: 'focus', text: 'layers', min_relevance: 0.1 });
    expect(both.results.map(({ memory, match_reason: why }) => [memory.title, why])).toEqual([
      ['Transformers', 'meaning, text'],
    ]);
    expect(both.results[0]?.relevance).toBe(1);
  });

  it('by text where there is none, and says so', async () => {
    await using notes = await openNotes();
    const answer = await notes.ask({ semantic: 'worms' });
    expect(answer.results.map(({ memory }) => memory.title)).toEqual(['Soil']);
    expect(answer.semantic_by).toBe('text');
  });

  it.each([
    [{ text: '…' }, 'invalid'],
    [{ tags: ['ai'] }, 'invalid'],
    [{ page: 1_001 }, 'invalid'],
    [{ linked_to: 'msg_none' }, 'invalid'],
  ])('refuses %j', async (query, code) => {
    await using notes = await openNotes();
    await expect(notes.ask(query)).rejects.toSatisfy(
      (error) => isCrucibleError(error) && error.code === code,
    );
  });
});

describe('reads', () => {
  it.each([
    ['off', []],
    ['get', ['Soil']],
    ['all', ['Soil', 'Attention', 'Transformers']],
  ] as const)('are told as %s says', async (accessed, titles) => {
    await using notes = await openNotes({ accessed });
    await notes.open.in('default', () => notes.open.service.get(notes.idOf('Soil')));
    await notes.ask({ text: 'attention' });
    const told = (await notes.open.events()).filter(({ type }) => type === 'memory.accessed');
    expect(told.map(({ subject }) => subject)).toEqual(titles.map(notes.idOf));
    expect(told[1]?.payload).toEqual(
      accessed === 'all' ? { id: notes.idOf('Attention'), query: 'attention', score: 1 } : undefined,
    );
  });
});
