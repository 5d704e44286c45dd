import { CrucibleError } from '../kernel/errors.ts';
import { named } from '../kernel/references.ts';
import type { Log } from '../log/log.ts';
import type { RowsRead } from '../log/rows-read.ts';
import { cardsByAge, readCards, taggedWith } from './candidates.ts';
import type { MemoryQuery, QueryAnswer } from './memory.ts';
import { normaliseName } from './names.ts';
import type { MemoryReader } from './reader.ts';
import { readTag } from './relations.ts';
import type { Semantic } from './semantic.ts';
import { tagsOf } from './state/edges.ts';
import {
  CARD_TABLE,
  MEMORY_TABLE,
  NAME_TABLE,
  newestKey,
  TAG_TABLE,
  type CardRow,
  type NameRow,
} from './tables.ts';
import type { Worlds } from './worlds.ts';

/** How many memories one query looks at, the best or newest first. */
const MAX_CANDIDATES = 10_000;
const MAX_SEMANTIC = 1_000;

interface Found {
  readonly relevance: number;
  readonly reasons: readonly string[];
}

type Ranked = ReadonlyMap<string, Found>;

/**
 * Finds memories. Relevance by text is BM25 over that of the best match of the answer, so that it compares within one
 * answer; by meaning it is the cosine; a memory found both ways is as relevant as `1 - (1 - a)(1 - b)`. A memory whose
 * name is the text is 1, and so is each where nothing is asked that ranks.
 */
export const createQuery =
  (deps: {
    readonly log: Pick<Log, 'records' | 'settled'>;
    readonly reader: MemoryReader;
    readonly semantic: Semantic;
    readonly worlds: Pick<Worlds, 'all'>;
  }) =>
  async (query: MemoryQuery, visible: readonly string[] | undefined): Promise<QueryAnswer> => {
    const { log, reader } = deps;
    const wanted = { ...query, tags: (query.tags ?? []).map(readTag) };
    checkPage(query);
    const { linked_to: linkedTo } = query;
    const target =
      linkedTo === undefined ? undefined : await named('linked_to', () => reader.card(linkedTo, visible));
    const meant = query.semantic === undefined ? undefined : await byMeaning(deps, query.semantic, visible);
    const texts = [query.text, meant === 'not configured' ? query.semantic : undefined].filter(
      (text) => text !== undefined,
    );
    const ranked: Ranked[] = meant === undefined || meant === 'not configured' ? [] : [meant.found];
    for (const text of new Set(texts)) ranked.push(await byText(deps, text, visible));

    const found = ranked.length === 0 ? undefined : combined(ranked);
    const cards = await candidates(deps, wanted, { found, target, visible });
    const rows = cards
      .filter((card) => fits(card, wanted, visible))
      .map((card) => ({ card, found: found?.get(card.id) ?? { relevance: 1, reasons: [] } }))
      .filter(({ found: { relevance } }) => relevance >= (query.min_relevance ?? 0))
      .toSorted(
        (a, b) =>
          b.found.relevance - a.found.relevance ||
          b.card.updated_at - a.card.updated_at ||
          (a.card.id < b.card.id ? -1 : 1),
      );
    const start = (query.page - 1) * query.limit;
    const shown = rows.slice(start, start + query.limit);
    const views = new Map((await reader.views(shown.map(({ card }) => card))).map((view) => [view.id, view]));
    const byTag = ranked.length === 0 && target === undefined ? wanted.tags[0] : undefined;
    await log.settled(byTag === undefined ? undefined : readByTag(byTag, cards));
    return {
      results: shown.flatMap(({ card, found: { relevance, reasons } }) => {
        const memory = views.get(card.id);
        if (memory === undefined) return [];
        return [{ memory, relevance, match_reason: reasonOf([...reasons, ...filterReasons(wanted)]) }];
      }),
      total: rows.length,
      page: query.page,
      per_page: query.limit,
      semantic_by: meant === undefined ? null : meant === 'not configured' ? 'text' : 'meaning',
      semantic_pending: meant === undefined || meant === 'not configured' ? 0 : meant.pending,
    };
  };

/** What was read to find the memories of a tag, in whichever world. */
const readByTag = (tag: string, cards: readonly CardRow[]): readonly RowsRead[] => {
  const ids = new Set(cards.map(({ id }) => id));
  const has = (id: string): boolean => ids.has(id);
  return [
    { table: TAG_TABLE.name, has: (id) => id.includes(`/${tag}/`) },
    { table: CARD_TABLE.name, has },
    { table: MEMORY_TABLE.name, has },
  ];
};

type Deps = Parameters<typeof createQuery>[0];

interface Wanted extends MemoryQuery {
  readonly tags: readonly string[];
}

const checkPage = ({ page, limit }: MemoryQuery): void => {
  if (page * limit <= MAX_CANDIDATES) return;
  const message = `page times limit must be at most ${MAX_CANDIDATES}`;
  throw new CrucibleError('invalid', message, {
    issues: [{ path: 'page', message }],
    hint: 'Narrow the query by tags or time.',
  });
};

const byMeaning = async (
  { semantic }: Deps,
  text: string,
  worlds: readonly string[] | undefined,
): Promise<{ readonly found: Ranked; readonly pending: number } | 'not configured'> => {
  const answer = await semantic.search(text, { worlds, limit: MAX_SEMANTIC });
  if (answer === undefined) return 'not configured';
  const found = answer.matches.map(({ id, score }): readonly [string, Found] => [
    id,
    { relevance: Math.min(1, Math.max(0, score)), reasons: ['meaning'] },
  ]);
  return { found: new Map(found), pending: answer.pending };
};

const byText = async (
  { log, worlds: known }: Pick<Deps, 'log' | 'worlds'>,
  text: string,
  visible: readonly string[] | undefined,
): Promise<Ranked> => {
  const { records } = log;
  const found = new Map<string, Found>();
  const matches = await records.search({
    table: MEMORY_TABLE.name,
    text,
    within: visible,
    limit: MAX_CANDIDATES,
  });
  const best = matches[0]?.score ?? 0;
  for (const { id, score } of matches)
    found.set(id, { relevance: best > 0 ? Math.max(0, score / best) : 1, reasons: ['text'] });
  const name = normaliseName(text);
  if (name === undefined) return found;
  const worlds = visible ?? (await known.all());
  const named = (await records.getMany(
    NAME_TABLE.name,
    worlds.map((world) => `${world}/${name}`),
  )) as readonly NameRow[];
  for (const { owner } of named)
    found.set(owner, { relevance: 1, reasons: ['name', ...(found.get(owner)?.reasons ?? [])] });
  return found;
};

const combined = (ranked: readonly Ranked[]): Ranked => {
  const all = new Map<string, Found>();
  for (const [id, { relevance, reasons }] of ranked.flatMap((one) => [...one])) {
    const other = all.get(id);
    all.set(id, {
      relevance: other === undefined ? relevance : 1 - (1 - relevance) * (1 - other.relevance),
      reasons: [...new Set([...(other?.reasons ?? []), ...reasons])],
    });
  }
  return all;
};

/** The cards to look at: those found, else those of the narrowest thing asked, else the newest. */
const candidates = async (
  { log, reader, worlds }: Deps,
  query: Wanted,
  given: {
    readonly found: Ranked | undefined;
    readonly target: CardRow | undefined;
    readonly visible: readonly string[] | undefined;
  },
): Promise<readonly CardRow[]> => {
  const { records } = log;
  const { found, target } = given;
  const linked =
    target === undefined ? undefined : new Set((await reader.referrers(target, MAX_CANDIDATES)).ids);
  const isLinked = (card: CardRow): boolean =>
    target === undefined ||
    card.edges.some(({ to, kind }) => to === target.id && kind !== 'consolidated_from');
  if (found !== undefined) {
    const ids = [...found.keys()].filter((id) => linked === undefined || linked.has(id));
    return (await readCards(records, ids)).filter(isLinked);
  }
  if (linked !== undefined) return (await readCards(records, [...linked])).filter(isLinked);
  const [tag] = query.tags;
  const cards: CardRow[] = [];
  for (const world of given.visible ?? (await worlds.all())) {
    if (tag !== undefined) {
      for await (const ids of taggedWith(records, world, tag)) {
        cards.push(...(await readCards(records, ids)));
        if (cards.length >= MAX_CANDIDATES) break;
      }
      continue;
    }
    const range = {
      ...(query.until === undefined ? {} : { after: newestKey(query.until - 1) }),
      ...(query.since === undefined ? {} : { upTo: `${newestKey(query.since)}~` }),
    };
    let count = 0;
    for await (const page of cardsByAge(records, world, 'newest', range)) {
      cards.push(...page);
      count += page.length;
      if (count >= MAX_CANDIDATES) break;
    }
  }
  return cards;
};

const fits = (
  card: CardRow,
  { tags, since, until }: Wanted,
  visible: readonly string[] | undefined,
): boolean => {
  if (card.state !== 'active' || (visible !== undefined && !visible.includes(card.world))) return false;
  if (since !== undefined && card.updated_at < since) return false;
  if (until !== undefined && card.updated_at >= until) return false;
  const has = new Set(tagsOf(card));
  return tags.every((tag) => has.has(tag));
};

const filterReasons = ({ tags, linked_to: linkedTo, since, until }: Wanted): readonly string[] => [
  ...(tags.length > 0 ? ['tags'] : []),
  ...(linkedTo === undefined ? [] : ['linked_to']),
  ...(since === undefined && until === undefined ? [] : ['time']),
];

const reasonOf = (reasons: readonly string[]): string =>
  reasons.length === 0 ? 'newest' : reasons.join(', ');
