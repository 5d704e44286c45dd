import { CrucibleError } from '../kernel/errors.ts';
import type { Records } from '../log/records.ts';
import { FILES_BY_PLACE, rowsFrom } from './known.ts';
import { asFileRow, FILE_TABLE, fileRowId, type FileRow, type RootPlace } from './row.ts';

export interface FileQuery {
  /** As configured; default all that the caller may see. */
  readonly root?: string;
  /** What paths begin with. */
  readonly prefix?: string;
  readonly cursor?: string;
  /** 1 to 1,000 */
  readonly limit: number;
  readonly visible?: readonly string[] | undefined;
}

export interface FileList {
  readonly files: readonly FileRow[];
  readonly next_cursor: string | null;
}

/** Versioned, so that a cursor of an older release is told from garbage. */
const PREFIX = 'f1.';

const cursorAt = ({ root, path }: FileRow): string =>
  PREFIX + Buffer.from(JSON.stringify([root, path])).toString('base64url');

/** @throws CrucibleError `bad_cursor` */
const readCursor = (cursor: string): { readonly root: string; readonly path: string } => {
  try {
    const text = Buffer.from(cursor.slice(PREFIX.length), 'base64url').toString('utf8');
    const value: unknown = JSON.parse(text);
    if (cursor.startsWith(PREFIX) && Array.isArray(value)) {
      const [root, path] = value as readonly unknown[];
      if (typeof root === 'string' && typeof path === 'string') return { root, path };
    }
  } catch {
    // Said below, as for everything else that is no cursor.
  }
  throw badCursor();
};

const badCursor = (): CrucibleError =>
  new CrucibleError('bad_cursor', 'The cursor is not one of this list', {
    hint: 'Give next_cursor of the page before as it came, or leave the cursor out to start again.',
  });

/** A page of the files of these roots, in their order. @throws CrucibleError `bad_cursor` */
export const listFiles = async (
  records: Records,
  places: readonly RootPlace[],
  { prefix = '', cursor, limit }: FileQuery,
): Promise<FileList> => {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const start = after === undefined ? 0 : places.findIndex(({ path }) => path === after.root);
  if (start === -1 || (after !== undefined && !after.path.startsWith(prefix))) throw badCursor();
  const files: FileRow[] = [];
  for (const [i, place] of places.slice(start).entries()) {
    const resumed = i === 0 ? after?.path : undefined;
    // The rows behind the prefix do not have the one that is the prefix.
    if (resumed === undefined && prefix !== '')
      files.push(...(await records.getMany(FILE_TABLE.name, [fileRowId(place, prefix)])).map(asFileRow));
    const range = {
      prefix,
      limit: Math.min(1_000, limit + 1),
      ...(resumed === undefined ? {} : { after: resumed }),
    };
    for await (const row of rowsFrom(records, FILES_BY_PLACE, place, range)) {
      files.push(asFileRow(row));
      if (files.length > limit) break;
    }
    if (files.length > limit) break;
  }
  const page = files.slice(0, limit);
  const last = page.at(-1);
  return { files: page, next_cursor: last === undefined || files.length <= limit ? null : cursorAt(last) };
};
