import type { Records, Row } from '../log/records.ts';
import { ancestorsOf } from './place.ts';
import type { Known } from './plan.ts';
import {
  asDirectoryRow,
  asFileRow,
  asRootRow,
  DIRECTORY_TABLE,
  directoryRowId,
  FILE_TABLE,
  fileRowId,
  ROOT_TABLE,
  rootRowId,
  type FileRow,
  type RootPlace,
} from './row.ts';

const PAGE = 1_000;
/** How many files of the same bytes are looked at: more tell nothing more. */
const MAX_TWINS = 100;

/** The rows of a root whose path begins with `prefix`, longer than it, in the order of paths, page by page. */
export const rowsFrom = async function* (
  records: Pick<Records, 'byIndex'>,
  index: { readonly table: string; readonly index: string },
  place: RootPlace,
  {
    prefix,
    after = prefix,
    limit = PAGE,
  }: { readonly prefix: string; readonly after?: string; readonly limit?: number },
): AsyncGenerator<Row> {
  for (let last = after; ;) {
    const rows = await records.byIndex({
      ...index,
      equals: [place.world, place.path],
      limit,
      ...(last === '' ? {} : { after: last }),
    });
    for (const row of rows) {
      last = asFileRow(row).path;
      if (!last.startsWith(prefix)) return;
      yield row;
    }
    if (rows.length < limit) return;
  }
};

export const FILES_BY_PLACE = { table: FILE_TABLE.name, index: 'file_place' } as const;
const DIRECTORIES_BY_PLACE = { table: DIRECTORY_TABLE.name, index: 'file_directory_place' } as const;

/** Everything that is known of these paths, of what lies below them, and of the directories on the way to them. */
export const knownBelow = async (
  records: Records,
  place: RootPlace,
  scopes: readonly string[],
): Promise<Known> => {
  const files = new Map<string, Row>();
  const directories = new Map<string, Row>();
  const add = (to: Map<string, Row>, rows: Iterable<Row>): void => {
    for (const row of rows) to.set(row.id, row);
  };
  for (const scope of scopes) {
    if (scope !== '') {
      add(files, await records.getMany(FILE_TABLE.name, [fileRowId(place, scope)]));
      const above = [...ancestorsOf(scope), scope].map((path) => directoryRowId(place, path));
      add(directories, await records.getMany(DIRECTORY_TABLE.name, above));
    }
    const prefix = scope === '' ? '' : `${scope}/`;
    for await (const row of rowsFrom(records, FILES_BY_PLACE, place, { prefix })) files.set(row.id, row);
    for await (const row of rowsFrom(records, DIRECTORIES_BY_PLACE, place, { prefix }))
      directories.set(row.id, row);
  }
  return {
    files: [...files.values()].map(asFileRow),
    directories: [...directories.values()].map(asDirectoryRow),
  };
};

/** Files of a root that had these bytes when they were last seen. */
export const twinsOf = async (
  records: Records,
  place: RootPlace,
  hash: string,
): Promise<readonly FileRow[]> => {
  const rows = await records.byIndex({
    table: FILE_TABLE.name,
    index: 'file_hash',
    equals: [place.world, place.path, hash],
    limit: MAX_TWINS,
  });
  return rows.map(asFileRow);
};

/** Which directory lay at the root when it was last read; undefined: it never was. */
export const storedIdentity = async (records: Records, place: RootPlace): Promise<string | undefined> => {
  const row = await records.get(ROOT_TABLE.name, rootRowId(place));
  return row === undefined ? undefined : asRootRow(row).identity;
};
