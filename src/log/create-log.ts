import type { CrucibleEvent } from '../events/envelope.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CrucibleError } from '../kernel/errors.ts';
import { newId as defaultNewId, type NewId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { createAppendLoop } from './append-loop.ts';
import type { LogRecords } from './decision.ts';
import { limitsFor, type LogLimits } from './limits.ts';
import type { Log, Reactor } from './log.ts';
import { watchLease } from './lease-watch.ts';
import { createReadingSide } from './reading-side.ts';
import type { LogStore } from './store.ts';

/** What keeps a log going on its own; all else is asked for. */
export interface LogDeps {
  readonly store: LogStore;
  readonly reactor: Reactor;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId?: NewId;
  /** A clock that never goes back and counts while the process is stopped, ms. Default `performance.now`. */
  readonly monotonicMs?: () => number;
  /** Where followers reach this process; without it, nowhere. */
  readonly url?: string;
  readonly limits?: Partial<LogLimits>;
  /** Brings a stored event to the newest version of its type; given for every event that is read. */
  readonly upcast?: (event: CrucibleEvent) => CrucibleEvent;
  /**
   * The log cannot be written any more by this process (fenced off, or a commit of unknown outcome in the embedded
   * engine, whose reads may then show what was never acknowledged): end the process. Called at most once.
   */
  readonly onFatal?: (error: CrucibleError) => void;
}

/** The log of the process that writes. */
export interface LeadingLog extends Log {
  readonly records: LogRecords;
  /** Of its lease. Grows when that had to be taken anew. */
  epoch(): number;
  /** The id of the last acknowledged batch; null: none ever was written. */
  batch(): string | null;
  /** What a request that came now would be refused with, whatever it asks for; undefined: it would be taken. */
  refusal(): CrucibleError | undefined;
  /** Another process may be the writer by now: what is in memory here may be old. See `watchLease`. */
  lapsed(): boolean;
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
export const createLog = async (deps: LogDeps): Promise<LeadingLog> => {
  const { clock, logger, upcast, url } = deps;
  let epoch = 0;
  const { store: watched, lapsed } = watchLease(deps.store, deps.monotonicMs ?? (() => performance.now()));
  const store: LogStore = {
    ...watched,
    // However often it has to be taken, it says where this process is reached.
    async acquire() {
      const taken = await watched.acquire(url);
      ({ epoch } = taken);
      return taken;
    },
  };
  const lease = await store.acquire();
  let { batch } = lease;
  const reading = createReadingSide({
    store,
    clock,
    logger,
    upcast,
    head: () => loop.head(),
    firstAvailable: () => lease.firstAvailable,
    settled: () => loop.settled(),
  });
  const loop = createAppendLoop({
    store,
    lease,
    reactor: deps.reactor,
    clock,
    newId: deps.newId ?? defaultNewId,
    logger,
    limits: limitsFor(store, deps.limits),
    readEvents: reading.many,
    onFatal: (error) => deps.onFatal?.(error),
    onCommitted: (committed, bytes) => {
      ({ batch } = committed);
      reading.committed(committed, bytes);
    },
  });

  return {
    records: reading.records,
    append: loop.append,
    answered: reading.answered,
    get: reading.get,
    at: reading.at,
    query: reading.query,
    trace: reading.trace,
    replay: reading.replay,
    tail: reading.tail,
    head: loop.head,
    epoch: () => epoch,
    batch: () => batch,
    lapsed,
    settled: loop.settled,
    problem: loop.problem,
    refusal: loop.refusal,
    firstAvailable: reading.firstAvailable,
    positionAt: reading.positionAt,
    onCommit: reading.onCommit,
    async close() {
      await loop.close();
      reading.close();
    },
  };
};
