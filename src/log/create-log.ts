import type { CrucibleEvent } from '../events/envelope.ts';
import type { Clock } from '../kernel/clock.ts';
import { messageOf, type CrucibleError } from '../kernel/errors.ts';
import { newId as defaultNewId, type NewId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { createAppendLoop } from './append-loop.ts';
import { createCommittedReads, type CommittedReads } from './committed-reads.ts';
import { createHeadSignal } from './head-signal.ts';
import { IDEMPOTENCY_TABLE, idempotencyId, type IdempotencyRecord } from './idempotency.ts';
import { limitsFor, type LogLimits } from './limits.ts';
import type { Committed, Log, Reactor } from './log.ts';
import { createOldEvents } from './old-events.ts';
import { positionAt } from './position-at.ts';
import { queryPage } from './query.ts';
import { createRecentEvents } from './recent-events.ts';
import { answerOf } from './repeats.ts';
import { createRecords } from './store-records.ts';
import { replay, tail } from './replay.ts';
import type { LogStore } from './store.ts';

/** How much of the last events stays in memory for readers at the head. Bytes as JSON. */
const RECENT = { events: 4_096, bytes: 32 * 1024 * 1024 };

/** What keeps a log going on its own; all else is asked for. */
export interface LogDeps {
  readonly store: LogStore;
  readonly reactor: Reactor;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId?: NewId;
  readonly limits?: Partial<LogLimits>;
  /** Brings a stored event to the newest version of its type; given for every event that is read. */
  readonly upcast?: (event: CrucibleEvent) => CrucibleEvent;
  /**
   * The log cannot be written any more by this process (fenced off, or a commit of unknown outcome in the embedded
   * engine, whose reads may then show what was never acknowledged): end the process. Called at most once.
   */
  readonly onFatal?: (error: CrucibleError) => void;
}

/** A reactor to which nothing reacts. */
export const idleReactor: Reactor = {
  begin: () => undefined,
  stage: () => undefined,
  react: () => [],
  adopt: () => undefined,
  discard: () => undefined,
};

/**
 * Takes the lease of the store and opens the log on it.
 * @throws CrucibleError `fenced` while another writer's lease is good, and what the store throws
 */
export const createLog = async (deps: LogDeps): Promise<Log> => {
  const { store, logger } = deps;
  const lease = await store.acquire();
  const listeners = new Set<(committed: Committed) => void>();
  const recent = createRecentEvents(RECENT);
  const upcast = deps.upcast ?? ((event) => event);
  const reads = createCommittedReads(
    store,
    { head: () => loop.head(), firstAvailable: () => lease.firstAvailable },
    upcast,
  );
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
  const signal = createHeadSignal(reads.head);
  const loop = createAppendLoop({
    store,
    lease,
    reactor: deps.reactor,
    clock: deps.clock,
    newId: deps.newId ?? defaultNewId,
    logger,
    limits: limitsFor(store, deps.limits),
    readEvents: reads.many,
    onFatal: (error) => deps.onFatal?.(error),
    onCommitted: (committed, bytes) => {
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
  });

  return {
    records: createRecords(store),
    append: loop.append,
    async answered(idempotency) {
      const [record] = await store.getRows(IDEMPOTENCY_TABLE.name, [idempotencyId(idempotency)]);
      if (record === undefined) return undefined;
      // The store may show a record before its commit is synced.
      await loop.settled();
      const given = { nowMs: deps.clock.now(), readEvents: reads.many };
      return answerOf(record as IdempotencyRecord, idempotency, given);
    },
    get: reads.byId,
    // Each attempt of a run asks for its event, which as a rule was committed a moment ago.
    async at(position) {
      const event = recent.at(position);
      return event === undefined ? oldEvents(position) : upcast(event);
    },
    query: (query) => queryPage(near, query),
    trace: (correlationId, page) => queryPage(near, { ...page, correlation_id: correlationId, order: 'asc' }),
    replay: (options) => replay(reads, options),
    tail: (options) => tail(reads, { recent, moved: signal.moved }, options),
    head: loop.head,
    settled: loop.settled,
    problem: loop.problem,
    firstAvailable: reads.firstAvailable,
    positionAt: (timeMs) => positionAt(reads, timeMs),
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      await loop.close();
      signal.close();
    },
  };
};
