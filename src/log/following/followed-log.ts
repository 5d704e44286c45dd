import type { CrucibleEvent } from '../../events/envelope.ts';
import type { Clock } from '../../kernel/clock.ts';
import { CrucibleError, isCrucibleError } from '../../kernel/errors.ts';
import { newId as defaultNewId, type NewId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Log } from '../log.ts';
import { createReadingSide } from '../reading-side.ts';
import type { ReadStore } from '../store.ts';
import { openFeedSession, SILENCE_MS, type After } from './feed-session.ts';
import type { Leader, ToldCommit } from './leader.ts';
import { createSender } from './sender.ts';
import { shareNext } from './share-next.ts';
import { createWaiting } from './waiting.ts';
import { createInterruption } from './interruption.ts';

/**
 * How many ids of batches that were told of are kept: more than are written while one read of the head record is under
 * way, since what that answers is looked up here.
 */
const BATCHES = 16_384;
/** Events and rows that may wait for `begin`; above it the session is over. */
const MOST_BEFORE_BEGIN = 500_000;

/**
 * The log of another process, which writes: read from the same store, and told of each commit by the one that writes.
 *
 * Guarantee: reads never show an event beyond `head()`, which moves with the commits that were told of, in their order,
 * and listeners are called with each commit once, in order, in the turn in which the head moves. An append resolves when
 * what it wrote is applied here. Once the session is over, which is at most 5 s after the last word of the one that
 * writes, every read and append fails with the reason: this process does not know any more what holds.
 *
 * Start: the commits from `head()` on are kept from the first moment. Set the listeners, fill caches from `records` and
 * events, then call `begin`: it applies what came meanwhile and waits until all that the caches may have read is
 * acknowledged and applied. So a cache misses nothing, but may be told of what it has read already.
 */
export interface FollowedLog extends Log {
  /** Applies what was told of until now, and from then on each commit as it comes. @throws CrucibleError `log_unavailable` */
  begin(): Promise<void>;
  /** Resolves when the session is over: end everything that was composed on this log. Never after `close`. */
  readonly over: Promise<CrucibleError>;
  /** The sequence of the last commit that was applied. */
  applied(): number;
  /** Resolves when that commit is applied. @throws CrucibleError `log_unavailable` when it is not within `timeoutMs` */
  untilApplied(sequence: number, timeoutMs: number): Promise<void>;
  /** Follows no more. The store stays open: it belongs to who opened it. */
  close(): Promise<void>;
}

export interface FollowedLogDeps {
  /** Without remembered rows. */
  readonly store: ReadStore;
  readonly leader: Leader;
  /** In which it writes, as the store has it. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly upcast?: (event: CrucibleEvent) => CrucibleEvent;
  readonly newId?: NewId;
  readonly after?: After;
  readonly mostBeforeBegin?: number;
}

const systemAfter: After = (delayMs, work) => {
  const timer = setTimeout(work, delayMs);
  return () => clearTimeout(timer);
};

/**
 * Begins a session with the process that writes.
 * @throws CrucibleError `fenced`: it does not write in this epoch (any more); `log_unavailable`: it does not answer
 */
export const openFollowedLog = async (deps: FollowedLogDeps): Promise<FollowedLog> => {
  const { store, leader, epoch, clock, logger, upcast, after = systemAfter } = deps;
  const { mostBeforeBegin = MOST_BEFORE_BEGIN } = deps;
  const waiting = createWaiting(after);
  /** The id of each batch that was told of to its sequence. */
  const told = new Map<string, number>();
  let unapplied: ToldCommit[] | undefined = [];
  let size = 0;
  let closed = false;

  const session = await openFeedSession({
    leader,
    epoch,
    after,
    logger,
    onCommit: (commit) => {
      remember(commit.batch, commit.sequence);
      if (unapplied === undefined) apply(commit);
      else keep(unapplied, commit);
      waiting.moved();
    },
  });
  const { hello } = session;
  let { head, sequence } = hello;
  if (hello.batch !== null) told.set(hello.batch, hello.sequence);

  function remember(batch: string, at: number): void {
    told.set(batch, at);
    for (const oldest of told.keys()) {
      if (told.size <= BATCHES) break;
      told.delete(oldest);
    }
  }

  function keep(commits: ToldCommit[], commit: ToldCommit): void {
    const { events, reactions, changed } = commit.committed;
    size += 1 + events.length + reactions.length + changed.length;
    commits.push(commit);
    if (size > mostBeforeBegin) session.end(tooMuch(mostBeforeBegin));
  }

  function apply(commit: ToldCommit): void {
    const { events } = commit.committed;
    ({ sequence } = commit);
    head = events.at(-1)?.position ?? head;
    const bytes = events.reduce((sum, event) => sum + Buffer.byteLength(JSON.stringify(event)), 0);
    reading.committed(commit.committed, bytes);
  }

  const gone = createInterruption();
  const leave = (error: CrucibleError): void => {
    gone.interrupt(error);
    reading.close();
  };
  void session.over.then(leave);

  const check = (): void => {
    const error = session.ended() ?? (closed ? closedError() : undefined);
    if (error !== undefined) throw error;
  };
  /** No answer that came after the end of the session is given away. */
  const valid =
    <A extends readonly unknown[], T>(read: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      check();
      const answer = await read(...args);
      check();
      return answer;
    };

  const headBatch = shareNext(store.headBatch);
  const settled = valid(async () => {
    const batch = await headBatch();
    if (batch !== null) await gone.unless(waiting.until(() => told.has(batch), SILENCE_MS));
  });
  const untilApplied = valid((wanted: number, timeoutMs: number) =>
    gone.unless(waiting.until(() => sequence >= wanted, timeoutMs)),
  );

  const reading = createReadingSide({
    store,
    clock,
    logger,
    upcast,
    head: () => {
      const error = session.ended();
      if (error !== undefined) throw error;
      return head;
    },
    firstAvailable: () => hello.firstAvailable,
    settled,
  });
  const send = createSender({
    leader,
    epoch,
    newId: deps.newId ?? defaultNewId,
    after,
    logger,
    gone,
    problem: session.problem,
  });

  return {
    records: {
      get: valid(reading.records.get),
      getMany: valid(reading.records.getMany),
      list: valid(reading.records.list),
      byIndex: valid(reading.records.byIndex),
      search: valid(reading.records.search),
    },
    append: valid(async (request) => {
      try {
        const { sequence: writtenAt, ...result } = await send(request);
        await untilApplied(writtenAt, SILENCE_MS);
        return result;
      } catch (error) {
        if (isCrucibleError(error, 'fenced')) session.end(error);
        throw error;
      }
    }),
    answered: valid(reading.answered),
    get: valid(reading.get),
    at: valid(reading.at),
    query: valid(reading.query),
    trace: valid(reading.trace),
    replay: reading.replay,
    tail: reading.tail,
    positionAt: valid(reading.positionAt),
    head: () => head,
    settled,
    problem: () => session.ended()?.message ?? session.problem(),
    firstAvailable: reading.firstAvailable,
    onCommit: reading.onCommit,
    async begin() {
      check();
      const commits = unapplied ?? [];
      unapplied = undefined;
      for (const commit of commits) apply(commit);
      waiting.moved();
      await settled();
    },
    over: session.over,
    applied: () => sequence,
    untilApplied,
    close() {
      closed = true;
      session.close();
      leave(closedError());
      return Promise.resolve();
    },
  };
};

const closedError = (): CrucibleError =>
  new CrucibleError('log_unavailable', 'The log is closed', {
    hint: 'The server is stopping; try the next one.',
  });

const tooMuch = (most: number): CrucibleError =>
  new CrucibleError('log_unavailable', `More than ${most} events and rows were written during the start`, {
    hint: 'It begins anew by itself; start it when less is written.',
  });
