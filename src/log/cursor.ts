import { createHash } from 'node:crypto';
import { CrucibleError } from '../kernel/errors.ts';
import type { EventQuery } from './log.ts';

/*
 * A cursor is `base64url(JSON [version, position, query fingerprint])` + `.` + 16 hex digits of a SHA-256 over it: opaque
 * to clients, refused when it was changed or belongs to another query. It grants nothing: worlds and filters are those
 * of the request that brings it.
 */
const VERSION = 1;
const SUM_DIGITS = 16;

/** What makes two queries the same one for a cursor: all but the page (`limit`, `cursor`) and what the caller may see. */
const fingerprint = (query: EventQuery): string =>
  digest(
    JSON.stringify([
      query.types ?? null,
      query.actor ?? null,
      query.subject ?? null,
      query.correlation_id ?? null,
      query.source ?? null,
      query.room ?? null,
      query.from_time ?? null,
      query.to_time ?? null,
      query.after ?? null,
      query.before ?? null,
      query.filters?.source ?? null,
      query.order ?? 'asc',
    ]),
  );

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, SUM_DIGITS);

/** A cursor that goes on after `position` in the query's direction. */
export const encodeCursor = (query: EventQuery, position: number): string => {
  const body = Buffer.from(JSON.stringify([VERSION, position, fingerprint(query)])).toString('base64url');
  return `${body}.${digest(`cursor ${body}`)}`;
};

/** The position that the cursor stands at. @throws CrucibleError `bad_cursor` */
export const decodeCursor = (query: EventQuery, cursor: string): number => {
  const [body = '', sum, ...rest] = cursor.split('.');
  if (rest.length > 0 || sum !== digest(`cursor ${body}`)) throw badCursor('it is not one that we gave');
  const parsed: unknown = parse(body);
  if (!Array.isArray(parsed) || parsed[0] !== VERSION) throw badCursor('it is of another version');
  const [, position, print] = parsed as unknown[];
  if (typeof position !== 'number' || !Number.isSafeInteger(position) || position < 0)
    throw badCursor('it has no position');
  if (print !== fingerprint(query)) throw badCursor('it belongs to another query');
  return position;
};

const parse = (body: string): unknown => {
  try {
    return JSON.parse(Buffer.from(body, 'base64url').toString());
  } catch {
    return undefined;
  }
};

const badCursor = (why: string): CrucibleError =>
  new CrucibleError('bad_cursor', `The cursor cannot be used: ${why}`, {
    hint: 'Send `next_cursor` of the previous page as it came, with the same query; or start without a cursor.',
  });
