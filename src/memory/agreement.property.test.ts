import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { isCrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { openMemories, type OpenMemories } from '../../test/support/memories.ts';
import { extract } from './markdown/extract.ts';
import { entitySlug, normaliseName } from './names.ts';
import { MEMORY_TABLE, type CardRow, type MemoryRow } from './tables.ts';

/** What the graph of the memories should be, from their texts and what was added, by the words of the contract alone. */
const expectedEdges = (
  cards: readonly CardRow[],
  contents: ReadonlyMap<string, string>,
): readonly string[] => {
  const active = cards
    .filter(({ state }) => state === 'active')
    .toSorted((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
  const owners = new Map<string, string>();
  for (const card of active) {
    const { title, aliases } = extract(contents.get(card.id) ?? '');
    const names = [title, card.name, ...aliases].flatMap((name) => normaliseName(name ?? '') ?? []);
    for (const name of [...names, ...card.inherited]) if (!owners.has(name)) owners.set(name, card.id);
  }
  const edges = new Set<string>();
  for (const { id, added_tags: added, added_links: links, sources } of active) {
    const found = extract(contents.get(id) ?? '');
    for (const tag of [...found.tags, ...added]) edges.add(`${id} -tagged-> tag:${tag.slice(1)}`);
    for (const { target } of found.links) {
      const owner = owners.get(normaliseName(target) ?? '');
      if (owner === undefined) edges.add(`${id} -mentions-> entity:${entitySlug(target)}`);
      else if (owner !== id) edges.add(`${id} -links_to-> ${owner}`);
    }
    for (const { to, kind } of links) edges.add(`${id} -${kind}-> ${to}`);
    for (const source of sources) edges.add(`${id} -consolidated_from-> ${source}`);
  }
  return [...edges].toSorted();
};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The graph and the memories as somebody knows them who has read the events alone. */
const replayed = (events: readonly CrucibleEvent[]) => {
  const edges = new Set<string>();
  const links = new Set<string>();
  const contents = new Map<string, string>();
  for (const { type, payload } of events) {
    const text = (field: string): string => textOf(payload[field]);
    const edge = `${text('from')} -${text('kind')}-> ${text('to')}`;
    const link = `${text('id')} -${text('kind')}-> ${text('target')}`;
    if (type === 'graph.edge_created') edges.add(edge);
    if (type === 'graph.edge_removed') edges.delete(edge);
    if (type === 'memory.linked') links.add(link);
    if (type === 'memory.unlinked') links.delete(link);
    if (type === 'memory.created') contents.set(text('id'), text('content'));
    if (type === 'memory.deleted') {
      contents.delete(text('id'));
      // Whoever is gone has no links any more.
      for (const other of links) if (other.startsWith(text('id'))) links.delete(other);
    }
    if (type === 'memory.updated') {
      for (const { path, value } of payload['patch'] as unknown as { path: string; value: string }[])
        if (path === '/content') contents.set(text('id'), value);
    }
  }
  return { edges: [...edges].toSorted(), links: [...links].toSorted(), contents };
};

const agree = async (open: OpenMemories): Promise<void> => {
  const cards = (await open.rowsOf('memory_card')) as readonly CardRow[];
  const rows = (await open.rowsOf(MEMORY_TABLE.name)) as readonly MemoryRow[];
  const contents = new Map(rows.map((row) => [row.id, row.content ?? row.former_content ?? '']));
  const edges = await open.edges();
  expect(edges).toEqual(expectedEdges(cards, contents));
  const told = replayed(await open.events());
  expect(told.edges).toEqual(edges);
  expect(told.contents).toEqual(contents);
  const isLink = / -(?!consolidated_from)[a-z_]+-> msg_/;
  expect(told.links).toEqual(edges.filter((edge) => isLink.test(edge)));
  const names = (await open.rowsOf('memory_name')).map(({ owner }) => owner);
  expect(names.every((owner) => cards.some(({ id, state }) => id === owner && state === 'active'))).toBe(
    true,
  );
  const active = new Set(cards.filter(({ state }) => state === 'active').map(({ id }) => id));
  const added = cards.filter(({ id }) => active.has(id)).flatMap((card) => card.added_links);
  expect(added.filter(({ to }) => !active.has(to))).toEqual([]);
  expect(await open.rowsOf('memory_work')).toEqual([]);
  const [world] = await open.rowsOf('memory_world');
  expect(world?.['memories'] ?? 0).toBe(cards.length);
};

const NAMES = ['A', 'B', 'C', 'D/E', 'E'];
const content = fc
  .record({
    title: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
    links: fc.array(fc.constantFrom(...NAMES.filter((name) => !name.includes('/'))), { maxLength: 3 }),
    tags: fc.array(fc.constantFrom('#x', '#y'), { maxLength: 2 }),
    alias: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
  })
  .map(
    ({ title, links, tags, alias }) =>
      (alias === undefined ? '' : `---\naliases: [${alias}]\n---\n`) +
      (title === undefined ? '' : `# ${title}\n`) +
      `text ${links.map((name) => `[[${name}]]`).join(' ')} ${tags.join(' ')}`,
  );
const which = fc.nat(20);
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('create'), content, name: fc.constantFrom(null, ...NAMES) }),
  },
  fc.record({ do: fc.constant('update'), which, content }),
  fc.record({ do: fc.constant('remove'), which }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('link'),
      which,
      other: which,
      kind: fc.constantFrom('related', 'cites'),
    }),
  },
  fc.record({ do: fc.constant('unlink'), which, other: which, kind: fc.constantFrom('related', 'cites') }),
  fc.record({ do: fc.constant('tag'), which, tag: fc.constantFrom('#x', '#z') }),
  fc.record({ do: fc.constant('untag'), which, tag: fc.constantFrom('#x', '#z') }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('consolidate'), which, other: which }) },
  fc.record({ do: fc.constant('prune'), tag: fc.constantFrom('#x', '#z') }),
  fc.record({ do: fc.constant('import'), contents: fc.array(content, { maxLength: 4 }) }),
);
interface Step {
  readonly do: string;
  readonly which?: number;
  readonly other?: number;
  readonly content?: string;
  readonly name?: string | null;
  readonly kind?: string;
  readonly tag?: string;
  readonly contents?: readonly string[];
}

const perform = async ({ service }: OpenMemories, ids: string[], given: Step): Promise<void> => {
  const id = ids[(given.which ?? 0) % Math.max(1, ids.length)] ?? newId('msg');
  const to = ids[(given.other ?? 0) % Math.max(1, ids.length)] ?? newId('msg');
  const { content: text = '', kind = 'related', tag = '#x', name = null } = given;
  switch (given.do) {
    case 'create':
      ids.push((await service.create({ content: text, name })).id);
      break;
    case 'update':
      await service.update(id, { content: text });
      break;
    case 'remove':
      await service.remove(id);
      break;
    case 'link':
      await service.link(id, { to, link_type: kind });
      break;
    case 'unlink':
      await service.unlink(id, { to, link_type: kind });
      break;
    case 'tag':
      await service.tag(id, tag);
      break;
    case 'untag':
      await service.untag(id, tag);
      break;
    case 'consolidate':
      ids.push((await service.consolidate({ ids: [id, to] })).id);
      break;
    case 'prune':
      await service.prune({ tags: [tag], max: 2, dry_run: false });
      break;
    default: {
      const results = await service.importBatch((given.contents ?? []).map((one) => ({ content: one })));
      ids.push(...results.flatMap((result) => ('id' in result ? [result.id] : [])));
    }
  }
};

it(
  'memories, their graph and their events never disagree, whatever is done to them',
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
        await using open = await openMemories();
        const ids: string[] = [];
        for (const name of ['A', 'B', 'C'])
          await open.in('default', () => perform(open, ids, { do: 'create', content: '[[B]] [[E]]', name }));
        for (const one of steps) {
          try {
            await open.in('default', () => perform(open, ids, one as Step));
          } catch (error) {
            // What is refused changes nothing; the comparison shows it.
            if (!isCrucibleError(error) || error.code === 'internal') throw error;
          }
        }
        await agree(open);
      }),
      { numRuns: 300 },
    );
  },
);
