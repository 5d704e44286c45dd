import { CrucibleError } from '../kernel/errors.ts';
import type { Log } from '../log/log.ts';
import type { RowsRead } from '../log/rows-read.ts';
import type { BacklinkView, LinkView, MemoryDetail, MemoryView } from './memory.ts';
import { entityOf, namesOf, tagsOf, targetOf } from './state/edges.ts';
import {
  CARD_TABLE,
  MEMORY_TABLE,
  NAME_TABLE,
  REFERENCE_TABLE,
  type CardRow,
  type MemoryRow,
  type NameRow,
  type ReferenceRow,
} from './tables.ts';

const MAX_BACKLINKS = 100;
/** Keys of referrers that are looked up before it is known whether they count. */
const MAX_FIRSTS = 8;

export const contentOf = (row: MemoryRow): string => row.content ?? row.former_content ?? '';

export const isVisible = (world: string, visible: readonly string[] | undefined): boolean =>
  visible === undefined || visible.includes(world);

export const noSuchMemory = (id: string): CrucibleError =>
  new CrucibleError('not_found', `There is no memory ${JSON.stringify(id)}`);

const viewOf = (card: CardRow, row: MemoryRow): MemoryView => ({
  id: card.id,
  world: card.world,
  name: card.name,
  title: card.title,
  content: contentOf(row),
  hash: row.hash,
  metadata: row.metadata,
  tags: tagsOf(card),
  issues: row.issues,
  consolidated_into: card.into,
  file: card.file?.id ?? null,
  created_by: card.created_by,
  created_at: card.created_at,
  updated_at: card.updated_at,
});

/** Reads memories as callers see them. */
export interface MemoryReader {
  /** @throws CrucibleError `not_found` */
  card(id: string, visible: readonly string[] | undefined): Promise<CardRow>;
  /** Settled: nothing of it can still be lost. @throws CrucibleError `not_found` */
  detail(id: string, visible?: readonly string[]): Promise<MemoryDetail>;
  /** Those that exist, in the order of the cards. */
  views(cards: readonly CardRow[]): Promise<readonly MemoryView[]>;
  /** The ids of the memories that point to this one, and whether there may be more. */
  referrers(
    card: CardRow,
    most: number,
  ): Promise<{ readonly ids: readonly string[]; readonly more: boolean }>;
}

/** The rows that an answer was made of, or could have been. */
const createSeen = () => {
  const [cards, names, keys] = [new Set<string>(), new Set<string>(), new Set<string>()];
  return {
    cards,
    names,
    /** `world/key` of references. */
    keys,
    rows: (): readonly RowsRead[] => [
      { table: CARD_TABLE.name, has: (id) => cards.has(id) },
      { table: MEMORY_TABLE.name, has: (id) => cards.has(id) },
      { table: NAME_TABLE.name, has: (id) => names.has(id) },
      { table: REFERENCE_TABLE.name, has: (id) => keys.has(id.slice(0, id.lastIndexOf('/'))) },
    ],
  };
};

type Seen = ReturnType<typeof createSeen>;

export const createReader = ({ records, settled }: Pick<Log, 'records' | 'settled'>): MemoryReader => {
  const card = async (id: string, visible: readonly string[] | undefined): Promise<CardRow> => {
    const row = (await records.get(CARD_TABLE.name, id)) as CardRow | undefined;
    if (row !== undefined && row.state !== 'removing' && isVisible(row.world, visible)) return row;
    // A removal that can still be lost is not told either.
    await settled([{ table: CARD_TABLE.name, has: (one) => one === id }]);
    throw noSuchMemory(id);
  };

  const linksOf = async (of: CardRow, seen: Seen): Promise<readonly LinkView[]> => {
    if (of.state !== 'active') return [];
    const asked = of.links.flatMap(({ name, other }) => (other === null ? [name] : [name, other]));
    const ids = asked.map((name) => `${of.world}/${name}`);
    for (const id of ids) seen.names.add(id);
    const owners = new Map<string, string>();
    for (let start = 0; start < ids.length; start += 1_000) {
      const rows = (await records.getMany(NAME_TABLE.name, [
        ...new Set(ids.slice(start, start + 1_000)),
      ])) as NameRow[];
      for (const row of rows) owners.set(row.id.slice(of.world.length + 1), row.owner);
    }
    return [
      ...of.links.map((link): LinkView => {
        const to = targetOf(link, (name) => owners.get(name)) ?? null;
        const entity = to === null ? entityOf(link) : null;
        return {
          to,
          entity,
          kind: to === null ? 'mentions' : 'links_to',
          written: link.written,
          strength: null,
        };
      }),
      ...of.added_links.map(({ to, kind, strength }): LinkView => ({
        to,
        entity: null,
        kind,
        written: null,
        strength,
      })),
    ];
  };

  const referrersOf = async (
    of: CardRow,
    most: number,
    seen: Seen,
  ): ReturnType<MemoryReader['referrers']> => {
    const found = new Set<string>();
    const limit = Math.min(1_000, most + 2);
    const page = async (key: string, after?: string): Promise<readonly ReferenceRow[]> =>
      (await records.byIndex({
        table: REFERENCE_TABLE.name,
        index: 'memory_reference_key',
        equals: [of.world, key],
        limit,
        ...(after === undefined ? {} : { after }),
      })) as readonly ReferenceRow[];
    const named = namesOf(of);
    const keys = [`m:${of.id}`, ...named.map((name) => `n:${name}`)];
    for (const name of named) seen.names.add(`${of.world}/${name}`);
    for (const key of keys) seen.keys.add(`${of.world}/${key}`);
    // All at once, although whose a name is, is not known yet: one more page costs less than one more wait.
    const [owners, firsts] = await Promise.all([
      records.getMany(
        NAME_TABLE.name,
        named.map((name) => `${of.world}/${name}`),
      ),
      Promise.all(keys.slice(0, MAX_FIRSTS).map((key) => page(key))),
    ]);
    // Whoever uses a name that means a namesake does not point here, and may be one of very many.
    const owned = new Set(
      (owners as readonly NameRow[]).filter(({ owner }) => owner === of.id).map(({ id }) => id),
    );
    for (const [i, key] of keys.entries()) {
      if (i > 0 && !owned.has(`${of.world}/${key.slice(2)}`)) continue;
      for (let rows = firsts[i] ?? (await page(key)); found.size <= most;) {
        for (const { from } of rows) if (from !== of.id) found.add(from);
        const after = rows.at(-1)?.from;
        if (rows.length < limit || after === undefined) break;
        rows = await page(key, after);
      }
    }
    return { ids: [...found].slice(0, most), more: found.size > most };
  };

  /** A referrer may name it and mean another one by the whole path: the edges tell. */
  const backlinksOf = async (
    of: CardRow,
    seen: Seen,
  ): Promise<{ links: readonly BacklinkView[]; more: boolean }> => {
    const { ids, more } = await referrersOf(of, MAX_BACKLINKS, seen);
    for (const id of ids) seen.cards.add(id);
    const cards = ids.length === 0 ? [] : await records.getMany(CARD_TABLE.name, ids);
    const links = (cards as readonly CardRow[]).flatMap(({ id, title, edges }) =>
      edges
        .filter(({ to, kind }) => to === of.id && kind !== 'consolidated_from')
        .map(({ kind }): BacklinkView => ({ from: id, title, kind })),
    );
    return { links, more };
  };

  return {
    card,
    referrers: (of, most) => referrersOf(of, most, createSeen()),
    async detail(id, visible) {
      const seen = createSeen();
      seen.cards.add(id);
      const [found, row] = (await Promise.all([card(id, visible), records.get(MEMORY_TABLE.name, id)])) as [
        CardRow,
        MemoryRow | undefined,
      ];
      if (row === undefined) throw noSuchMemory(id);
      const [links, backlinks] = await Promise.all([linksOf(found, seen), backlinksOf(found, seen)]);
      await settled(seen.rows());
      return { ...viewOf(found, row), links, backlinks: backlinks.links, more_backlinks: backlinks.more };
    },
    async views(cards) {
      if (cards.length === 0) return [];
      const rows = (await records.getMany(
        MEMORY_TABLE.name,
        cards.map(({ id }) => id),
      )) as readonly MemoryRow[];
      const byId = new Map(rows.map((row) => [row.id, row]));
      return cards.flatMap((of) => {
        const row = byId.get(of.id);
        return row === undefined ? [] : [viewOf(of, row)];
      });
    },
  };
};
