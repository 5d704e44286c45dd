import type { Records, Row } from '../log/records.ts';
import { CARD_TABLE, TAG_TABLE, type CardRow, type TagRow } from './tables.ts';

const READ_ROWS = 1_000;

/** Cards in pages, in the order of their age. @param upTo keys of `oldestKey` or `newestKey` */
export async function* cardsByAge(
  records: Records,
  world: string,
  order: 'newest' | 'oldest',
  range: { readonly after?: string; readonly upTo?: string } = {},
  pageRows = READ_ROWS,
): AsyncGenerator<readonly CardRow[]> {
  for (let { after } = range; ;) {
    const rows = (await records.byIndex({
      table: CARD_TABLE.name,
      index: `memory_card_${order}`,
      equals: [world],
      limit: pageRows,
      ...(after === undefined ? {} : { after }),
      ...(range.upTo === undefined ? {} : { upTo: range.upTo }),
    })) as readonly CardRow[];
    yield rows;
    if (rows.length < pageRows) return;
    after = rows.at(-1)?.[order] ?? undefined;
  }
}

/** The memories of a world that have a tag, in the order of ids, in pages. */
export async function* taggedWith(
  records: Records,
  world: string,
  tag: string,
): AsyncGenerator<readonly string[]> {
  for (let after: string | undefined; ;) {
    const rows = (await records.byIndex({
      table: TAG_TABLE.name,
      index: 'memory_tag_members',
      equals: [world, tag],
      limit: READ_ROWS,
      ...(after === undefined ? {} : { after }),
    })) as readonly TagRow[];
    yield rows.map(({ memory }) => memory);
    if (rows.length < READ_ROWS) return;
    after = rows.at(-1)?.memory;
  }
}

/** Cards by id, in pages of a read. */
export const readCards = async (records: Records, ids: readonly string[]): Promise<readonly CardRow[]> => {
  const cards: CardRow[] = [];
  for (let start = 0; start < ids.length; start += READ_ROWS) {
    const rows = await records.getMany(CARD_TABLE.name, ids.slice(start, start + READ_ROWS));
    cards.push(...(rows as readonly CardRow[]));
  }
  return cards;
};

/** Cards in the order of ids, of all worlds or of these, at most `limit`. */
export const cardsById = async (
  records: Records,
  worlds: readonly string[] | undefined,
  page: { readonly after?: string; readonly limit: number },
): Promise<readonly CardRow[]> => {
  if (worlds === undefined) return (await records.list(CARD_TABLE.name, page)) as readonly CardRow[];
  const found = await Promise.all(
    worlds.map((world) =>
      records.byIndex({ table: CARD_TABLE.name, index: 'memory_card_world', equals: [world], ...page }),
    ),
  );
  const cards: readonly Row[] = found.flat();
  return (cards as readonly CardRow[]).toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, page.limit);
};
