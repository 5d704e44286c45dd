import type { CrucibleEvent } from '../events/envelope.ts';
import type { Clock } from '../kernel/clock.ts';
import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { createCommittedReads, type CommittedReads } from './committed-reads.ts';
import type { LogRecords } from './decision.ts';
import { createHeadSignal } from './head-signal.ts';
import { IDEMPOTENCY_TABLE, idempotencyId, type IdempotencyRecord } from './idempotency.ts';
import type { Committed, Log } from './log.ts';
import { createOldEvents } from './old-events.ts';
import { positionAt } from './position-at.ts';
import { queryPage, type RememberedEvents } from './query.ts';
import { createRecentEvents } from './recent-events.ts';
import { replay, tail } from './replay.ts';
import { answerOf } from './repeats.ts';
import { createRecords } from './store-records.ts';
import type { ReadStore } from './store.ts';

/** How much of the last events stays in memory for readers at the head. Bytes as JSON. */
const RECENT = { events: 16_384, bytes: 32 * 1024 * 1024 };

/** What a log reads by, whether it writes itself or follows the one that does. */
export interface ReadingSide extends Pick<
  Log,
  | 'answered'
  | 'get'
  | 'at'
  | 'query'
  | 'trace'
  | 'replay'
  | 'tail'
  | 'positionAt'
  | 'firstAvailable'
  | 'onCommit'
> {
  readonly records: LogRecords;
  /** Committed events by position, in that order; missing ones are left out. */
  many(positions: readonly number[]): Promise<readonly CrucibleEvent[]>;
  /** Tells the listeners, in the turn in which `head` has moved. `bytes`: no less than its events have as JSON. */
  committed(committed: Committed, bytes: number): void;
  /** Ends the tails. */
  close(): void;
}

export const createReadingSide = (deps: {
  readonly store: ReadStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly upcast: ((event: CrucibleEvent) => CrucibleEvent) | undefined;
  /** The last position that may be shown. When it throws, so does each read of events. */
  readonly head: () => number;
  readonly firstAvailable: () => number;
  /** See `Log.settled`. */
  readonly settled: () => Promise<void>;
}): ReadingSide => {
  const { store, logger, firstAvailable } = deps;
  const upcast = deps.upcast ?? ((event) => event);
  const listeners = new Set<(committed: Committed) => void>();
  const recent = createRecentEvents(RECENT);
  const reads = createCommittedReads(store, { head: deps.head, firstAvailable }, upcast);
  const oldEvents = createOldEvents(reads);
  // A page looks at the newest events first, which are as a rule still in memory.
  const near: CommittedReads = {
    ...reads,
    async range(from, to) {
      const last = Math.min(to, reads.head());
      const kept = recent.after(from - 1);
      if (kept === undefined || (kept.at(-1)?.position ?? 0) < last) return reads.range(from, to);
      return kept.filter(({ position }) => position <= last).map(upcast);
    },
  };
  const remembered: RememberedEvents = {
    first: recent.first,
    ofTypes: (types, from, to) => recent.ofTypes(types, from, to)?.map(upcast),
  };
  const signal = createHeadSignal(reads.head);

  return {
    records: createRecords(store),
    async answered(idempotency) {
      const [record] = await store.getRows(IDEMPOTENCY_TABLE.name, [idempotencyId(idempotency)]);
      if (record === undefined) return undefined;
      // The store may show a record before its commit is synced.
      await deps.settled();
      const given = { nowMs: deps.clock.now(), readEvents: reads.many };
      return answerOf(record as IdempotencyRecord, idempotency, given);
    },
    async get(id) {
      const event = recent.withId(id);
      return event === undefined || event.position > reads.head() ? reads.byId(id) : upcast(event);
    },
    // Each attempt of a run asks for its event, which as a rule was committed a moment ago.
    async at(position) {
      const event = recent.at(position);
      return event === undefined ? oldEvents(position) : upcast(event);
    },
    query: (query) => queryPage(near, query, remembered),
    trace: (correlationId, page) =>
      queryPage(near, { ...page, correlation_id: correlationId, order: 'asc' }, remembered),
    replay: (options) => replay(reads, options),
    tail: (options) => tail(reads, { recent, moved: signal.moved }, options),
    positionAt: (timeMs) => positionAt(reads, timeMs),
    firstAvailable,
    many: reads.many,
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    committed(committed, bytes) {
      recent.add(committed.events, bytes);
      for (const listener of listeners) {
        try {
          listener(committed);
        } catch (error) {
          logger.error({ cause: messageOf(error) }, 'A listener of the log failed on a commit');
        }
      }
      signal.notify();
    },
    close: signal.close,
  };
};
