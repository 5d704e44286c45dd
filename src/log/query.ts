import type { CrucibleEvent } from '../events/envelope.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { CommittedReads } from './committed-reads.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import type { EventPage, EventQuery } from './log.ts';
import { positionAt } from './position-at.ts';
import { isWholeType, planTerm, queryPredicate, type TermPlan } from './query-plan.ts';
import { bucketOf, bucketStart, bucketTerm } from './terms.ts';

const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 1_000;
/** How far a page looks without an index before it uses one. */
const SCAN_POSITIONS = 1_024;
const FIRST_LOOK = 128;
/** What one page may cost; a page that has used it up is short and has a cursor. */
const MAX_SCANNED_POSITIONS = 16_384;
const MAX_COMMITS = 128;
const MAX_BUCKETS = 64;
/** Few at first: a commit may hold 1,024 events, and the page may be full after one. Then twice as many each time. */
const COMMITS_AT_A_TIME = { first: 1, most: 8 } as const;

/** The positions that are still to be looked at, both inclusive, and the direction. */
interface Window {
  readonly from: number;
  readonly to: number;
  readonly order: 'asc' | 'desc';
}

/** The newest events, in memory. */
export interface RememberedEvents {
  /** The position of the oldest one. */
  first(): number | undefined;
  /** Those of these types at `[from, to]`, in order; undefined if it reaches back further than these do. */
  ofTypes(types: readonly string[], from: number, to: number): readonly CrucibleEvent[] | undefined;
}

/**
 * One page. In either direction: first, of types, what is in memory; then the next 1,024 positions by range, which is
 * enough for a frequent term; then by the best index term, bucket by bucket; without a term, further by range. Bounded
 * either way.
 * @throws CrucibleError `invalid`, `bad_cursor`, `position_expired`
 */
export const queryPage = async (
  reads: CommittedReads,
  query: EventQuery,
  remembered?: RememberedEvents,
): Promise<EventPage> => {
  const limit = checkedLimit(query.limit);
  const start = await startWindow(reads, query);
  const page = collectPage(queryPredicate(query), limit, start);

  const seen = remembered === undefined ? 0 : lookInMemory(remembered, query, page);
  // Little at first: a page that asks for a few events of a frequent term finds them close by.
  const little = Math.min(SCAN_POSITIONS / 2, Math.max(FIRST_LOOK, 2 * limit));
  for (const count of seen >= SCAN_POSITIONS ? [] : [little, SCAN_POSITIONS - little]) {
    const near = page.done() ? undefined : take(page.rest(), count);
    if (near !== undefined) page.offer(await reads.range(near.from, near.to), near);
  }
  if (page.done()) return toPage(query, page);
  const plan = planTerm(query);
  if (plan === undefined) await scanOn(reads, page);
  else if (plan.bucketed) await walkBuckets(reads, plan, page);
  else await walkCommits(reads, await reads.find(plan.kind, plan.values), page, MAX_COMMITS);
  return toPage(query, page);
};

/** @returns how many positions have been looked at */
const lookInMemory = (remembered: RememberedEvents, { types = [] }: EventQuery, page: Page): number => {
  const { from, to, order } = page.rest();
  const first = remembered.first();
  const begin = first === undefined || order === 'asc' ? from : Math.max(from, first);
  if (begin > to || types.length === 0 || !types.every(isWholeType)) return 0;
  const events = remembered.ofTypes(types, begin, to);
  if (events === undefined) return 0;
  page.offer(events, { from: begin, to });
  return to - begin + 1;
};

const toPage = (query: EventQuery, page: Page): EventPage => {
  const at = page.stoppedAt();
  return { data: page.events, next_cursor: at === undefined ? null : encodeCursor(query, at) };
};

const checkedLimit = (limit: number | undefined): number => {
  if (limit === undefined) return DEFAULT_LIMIT;
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  const message = `must be a whole number from 1 to ${MAX_LIMIT}, is ${limit}`;
  throw new CrucibleError('invalid', `The limit ${message}`, { issues: [{ path: 'limit', message }] });
};

const startWindow = async (reads: CommittedReads, query: EventQuery): Promise<Window> => {
  const order = query.order ?? 'asc';
  const cursor = query.cursor === undefined ? undefined : decodeCursor(query, query.cursor);
  if (query.after !== undefined) reads.checkAvailable(query.after);
  if (cursor !== undefined && order === 'asc') reads.checkAvailable(cursor);
  let from = Math.max(reads.firstAvailable(), (query.after ?? 0) + 1);
  let to = Math.min(reads.head(), (query.before ?? Infinity) - 1);
  if (query.from_time !== undefined)
    from = Math.max(from, (await positionAt(reads, query.from_time - 1)) + 1);
  if (query.to_time !== undefined) to = Math.min(to, await positionAt(reads, query.to_time - 1));
  if (cursor !== undefined && order === 'asc') from = Math.max(from, cursor + 1);
  if (cursor !== undefined && order === 'desc') to = Math.min(to, cursor - 1);
  return { from, to, order };
};

/** The next `count` positions of a window in its direction; undefined if there are none. */
const take = ({ from, to, order }: Window, count: number): Window | undefined => {
  if (from > to) return undefined;
  return order === 'asc'
    ? { from, to: Math.min(to, from + count - 1), order }
    : { from: Math.max(from, to - count + 1), to, order };
};

interface Page {
  readonly events: CrucibleEvent[];
  /** What is still to be looked at. */
  rest(): Window;
  done(): boolean;
  /** Takes what matches of the events in `seen`, up to the limit, and counts `seen` as looked at. */
  offer(events: readonly CrucibleEvent[], seen: { readonly from: number; readonly to: number }): void;
  /** Where a next page goes on; undefined at the end. */
  stoppedAt(): number | undefined;
}

const collectPage = (matches: (event: CrucibleEvent) => boolean, limit: number, start: Window): Page => {
  const events: CrucibleEvent[] = [];
  let { from, to } = start;
  const { order } = start;
  const passed = (position: number): void => {
    if (order === 'asc') from = Math.max(from, position + 1);
    else to = Math.min(to, position - 1);
  };
  return {
    events,
    rest: () => ({ from, to, order }),
    done: () => events.length >= limit || from > to,
    offer(candidates, seen) {
      for (const event of order === 'asc' ? candidates : candidates.toReversed()) {
        if (event.position < from || event.position > to) continue;
        if (events.length >= limit) return;
        if (matches(event)) {
          events.push(event);
          passed(event.position);
        }
      }
      if (events.length < limit) passed(order === 'asc' ? seen.to : seen.from);
    },
    stoppedAt() {
      if (from > to) return undefined;
      return order === 'asc' ? from - 1 : to + 1;
    },
  };
};

const scanOn = async (reads: CommittedReads, page: Page): Promise<void> => {
  for (
    let scanned = SCAN_POSITIONS;
    scanned < MAX_SCANNED_POSITIONS && !page.done();
    scanned += SCAN_POSITIONS
  ) {
    const next = take(page.rest(), SCAN_POSITIONS);
    if (next === undefined) return;
    page.offer(await reads.range(next.from, next.to), next);
  }
};

const walkBuckets = async (reads: CommittedReads, plan: TermPlan, page: Page): Promise<void> => {
  let commits = MAX_COMMITS;
  for (let buckets = 0; buckets < MAX_BUCKETS && commits > 0 && !page.done(); buckets += 1) {
    const { from, to, order } = page.rest();
    const bucket = bucketOf(order === 'asc' ? from : to);
    const edge = {
      from: Math.max(from, bucketStart(bucket)),
      to: Math.min(to, bucketStart(bucket + 1) - 1),
    };
    const terms = plan.values.map((value) => bucketTerm(value, bucket));
    commits = await walkCommits(reads, await reads.find(plan.kind, terms), page, commits, edge);
  }
};

/**
 * Looks at the commits that begin at `firsts`, in the page's direction, within `edge` (all of the rest by default).
 * @returns how many more commits the page may look at
 */
const walkCommits = async (
  reads: CommittedReads,
  firsts: readonly number[],
  page: Page,
  budget: number,
  edge: { readonly from: number; readonly to: number } = page.rest(),
): Promise<number> => {
  const { order } = page.rest();
  // A commit that begins before the edge may reach into it; how far, only its record tells.
  const reaching = firsts.filter((first) => first <= edge.to && first > edge.from - SCAN_POSITIONS);
  const queue = order === 'asc' ? [...reaching] : reaching.toReversed();
  let left = budget;
  for (
    let atATime: number = COMMITS_AT_A_TIME.first;
    queue.length > 0 && left > 0 && !page.done();
    atATime = Math.min(atATime * 2, COMMITS_AT_A_TIME.most)
  ) {
    const chunk = queue.splice(0, Math.min(atATime, left));
    left -= chunk.length;
    const events = (await reads.commitsAt(chunk)).filter(
      ({ position }) => position >= edge.from && position <= edge.to,
    );
    // Seen is everything up to the next commit that has the term: what lies between has none.
    const next = queue[0];
    const lowest = Math.max(edge.from, Math.min(...chunk));
    page.offer(events, {
      from: order === 'asc' || next !== undefined ? lowest : edge.from,
      to: next === undefined ? edge.to : next - 1,
    });
  }
  if (reaching.length === 0 && !page.done()) page.offer([], edge);
  return left;
};
