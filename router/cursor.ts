import { CrucibleError } from '../src/kernel/errors.ts';

/** Versioned, so that a cursor of an older release is told from garbage. */
const PREFIX = 'i1.';

/** A list by id goes on after this id. */
export const cursorOfId = (lastId: string): string =>
  PREFIX + Buffer.from(lastId, 'utf8').toString('base64url');

/** @throws CrucibleError `bad_cursor` */
export const idOfCursor = (cursor: string): string => {
  const id = cursor.startsWith(PREFIX)
    ? Buffer.from(cursor.slice(PREFIX.length), 'base64url').toString('utf8')
    : '';
  if (id === '' || id.length > 200 || cursorOfId(id) !== cursor) {
    throw new CrucibleError('bad_cursor', 'The cursor is not one of this list', {
      hint: 'Give next_cursor of the page before as it came, or leave the cursor out to start again.',
    });
  }
  return id;
};

/** A page of a list by id: there may be more whenever it is full. */
export const pageOf = <T extends { readonly id: string }>(
  items: readonly T[],
  limit: number,
): { readonly items: readonly T[]; readonly next_cursor: string | null } => {
  const last = items.at(-1);
  return { items, next_cursor: last === undefined || items.length < limit ? null : cursorOfId(last.id) };
};
