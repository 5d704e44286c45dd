import type { CrucibleEvent } from '../events/envelope.ts';
import type { Clock } from '../kernel/clock.ts';
import { CrucibleError, isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { judgeGroup, type JudgedGroup } from './group.ts';
import type { LogLimits } from './limits.ts';
import type { AppendRequest, AppendResult, Committed, Reactor } from './log.ts';
import { createPatience } from './patience.ts';
import { readPrior, type Prior } from './prior.ts';
import { createRequestQueue, type Queued } from './queue.ts';
import { reacquire, withDeadline } from './recovery.ts';
import { answerRepeats } from './repeats.ts';
import { checkRequest } from './request-check.ts';
import { areWritten, type RowsRead } from './rows-read.ts';
import { CommitFailure, type Batch, type Lease, type LogStore, type TableWrites } from './store.ts';
import { createSubjectVersions } from './subject-versions.ts';
import { termsOf } from './terms.ts';

/*
 * States of the loop:
 *
 *   open        takes requests; commits what queued while the previous commit ran, without a timer
 *   recovering  the outcome of a commit is unknown and the store is a server: takes the next epoch, which refuses the
 *               commit in doubt, then learns from the head record whether it was written                -> open, failed
 *   closing     refuses new requests, commits the queued ones; a server that is away is not waited for  -> closed, failed
 *   failed      fenced off, or an unknown outcome in the embedded store: refuses everything; `onFatal` was called once,
 *               unless it is closing because the server is away
 *   closed
 *
 * In each of them, whoever has waited `recoverWithinMs` for a server that does not answer is refused, and so is who
 * comes then, until it has answered.
 */
type State = 'open' | 'recovering' | 'closing' | 'failed' | 'closed';

const RELEASE_TIMEOUT_MS = 2_000;

export interface AppendLoopDeps {
  readonly store: LogStore;
  readonly lease: Lease;
  readonly reactor: Reactor;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly limits: LogLimits;
  /**
   * Called with each commit, in order, in the turn of the acknowledgement. Must not throw. `bytes`: no less than its
   * events have as JSON.
   */
  readonly onCommitted: (committed: Committed, bytes: number) => void;
  /** The log cannot be written any more by this process. Called at most once. */
  readonly onFatal: (error: CrucibleError) => void;
  /** Committed events by position, for the answer to a repeat; missing ones are left out. */
  readonly readEvents: (positions: readonly number[]) => Promise<readonly CrucibleEvent[]>;
}

export interface AppendLoop {
  append(request: AppendRequest): Promise<AppendResult>;
  /** The last acknowledged position. */
  head(): number;
  /** See `Log.settled`. */
  settled(read?: readonly RowsRead[]): Promise<void>;
  /** Why nothing can be written at the moment, in words; undefined while it can. */
  problem(): string | undefined;
  /** What a request that came now would be refused with, whatever it asks for; undefined: it would be taken. */
  refusal(): CrucibleError | undefined;
  close(): Promise<void>;
}

export const createAppendLoop = (deps: AppendLoopDeps): AppendLoop => {
  const { store, reactor, clock, limits, logger } = deps;
  const queue = createRequestQueue(limits);
  const versions = createSubjectVersions(store);
  /** Settles when it is known what has become of the newest commit; rejected while nobody can tell. */
  let underWay = Promise.resolve();
  let tellUnderWay: ((refusal: CrucibleError) => void) | undefined;
  /** What the commit writes that has not ended. */
  let writing: readonly TableWrites[] = [];
  const aborted = new AbortController();
  let { epoch, head, timeMs: lastTimeMs, batch: lastBatch } = deps.lease;
  let state: State = 'open';
  /** Why requests are refused at the moment, if they are. */
  let refusal: CrucibleError | undefined;
  let renewDue = false;
  let leaseProlonged = false;
  let pump: Promise<void> | undefined;
  const patience = createPatience<Queued>(store.recoverable ? limits.recoverWithinMs : undefined, (group) => {
    refusal ??= unavailableBecause(new Error(`no answer within ${limits.recoverWithinMs} ms`));
    for (const queued of group) queued.reject(refusal);
    queue.refuseAll(refusal);
    tellUnderWay?.(refusal);
  });

  const renewLater = (): void => {
    if (!leaseProlonged) {
      renewDue = true;
      wake();
    }
    leaseProlonged = false;
  };
  // Only another process can want the lease, and in the embedded engine the lock on the directory keeps it out.
  const renewal = store.recoverable ? setInterval(renewLater, limits.renewEveryMs) : undefined;
  renewal?.unref();

  const hasWork = (): boolean => (state === 'open' || state === 'closing') && (queue.length > 0 || renewDue);

  const wake = (): void => {
    // It starts after the current turn, so that what is appended in one turn is one group.
    pump ??= Promise.resolve()
      .then(work)
      .catch((error: unknown) => fail(unavailableBecause(error)))
      .finally(() => {
        pump = undefined;
        if (hasWork()) wake();
      });
  };

  const work = async (): Promise<void> => {
    while (hasWork()) {
      if (renewDue) await patience.during([], renew);
      else await commitGroup(queue.take());
      if (state === 'open') refusal = undefined;
    }
  };

  const renew = async (): Promise<void> => {
    renewDue = false;
    try {
      await withDeadline(store.renew(epoch), limits.commitTimeoutMs);
    } catch (error) {
      await recover(error, [], undefined);
    }
  };

  const commitGroup = (taken: readonly Queued[]): Promise<void> =>
    patience.during(taken, () => readAndCommit(taken));

  const readAndCommit = async (taken: readonly Queued[]): Promise<void> => {
    let read: { readonly prior: Prior; readonly group: readonly Queued[] };
    try {
      read = await withDeadline(readFor(taken), limits.commitTimeoutMs);
    } catch (error) {
      // Nothing of the group is written: once the store is back it is judged again.
      if ((await recover(error, taken, undefined)) !== 'failed') queue.putBack(unsettled(taken));
      return;
    }
    await commitJudged(read.group, read.prior);
  };

  const readFor = async (taken: readonly Queued[]): Promise<{ prior: Prior; group: readonly Queued[] }> => {
    const prior = await readPrior(store, versions, taken);
    const group = await answerRepeats(taken, prior, { nowMs: clock.now(), readEvents: deps.readEvents });
    return { prior, group };
  };

  const commitJudged = async (group: readonly Queued[], prior: Prior): Promise<void> => {
    const timeMs = Math.max(clock.now(), lastTimeMs);
    const judged = judgeGroup({
      group,
      prior,
      reactor,
      head,
      timeMs,
      maxRows: limits.commitRows,
      maxRuns: limits.requestRuns,
    });
    queue.putBack(judged.left);
    if (judged.events.length === 0 && judged.writes.length === 0) {
      adopt(judged, timeMs, undefined);
      return;
    }
    const batch = toBatch(judged, timeMs);
    const ended = Promise.withResolvers<void>();
    underWay = ended.promise;
    underWay.catch(() => undefined);
    tellUnderWay = ended.reject;
    writing = batch.writes;
    const end = (): void => {
      // What was perhaps written, and perhaps not, nobody is shown.
      if (state === 'failed' && refusal !== undefined) ended.reject(refusal);
      else {
        writing = [];
        ended.resolve();
        underWay = Promise.resolve();
      }
      tellUnderWay = undefined;
    };
    try {
      await withDeadline(store.commit(batch), limits.commitTimeoutMs);
    } catch (error) {
      const left = new Set(judged.left);
      const tried = group.filter((queued) => !left.has(queued));
      try {
        await notCommitted(error, { judged, batch, timeMs, tried });
      } finally {
        end();
      }
      return;
    }
    leaseProlonged = true;
    adopt(judged, timeMs, batch.id);
    end();
  };

  const toBatch = ({ events, writes }: JudgedGroup, timeMs: number): Batch => ({
    id: deps.newId('cmt'),
    epoch,
    commit:
      events.length === 0
        ? undefined
        : { first: head + 1, last: head + events.length, timeMs, events, terms: termsOf(events) },
    writes,
  });

  /** The commit is synced: everything that it means holds from this turn on. Without a batch, nothing was to be written. */
  const adopt = (judged: JudgedGroup, timeMs: number, batch: string | undefined): void => {
    reactor.adopt();
    lastBatch = batch ?? lastBatch;
    if (judged.events.length > 0) {
      head += judged.events.length;
      lastTimeMs = timeMs;
      versions.committed(judged.events);
    }
    for (const { queued, result } of judged.accepted) queued.resolve(result);
    for (const { queued, error } of judged.refused) queued.reject(error);
    if (batch === undefined) return;
    const bytes = judged.accepted.reduce((sum, { queued }) => sum + queued.bytes, 0);
    deps.onCommitted({ batch, ...judged.committed }, bytes);
  };

  const notCommitted = async (
    error: unknown,
    {
      judged,
      batch,
      timeMs,
      tried,
    }: {
      readonly judged: JudgedGroup;
      readonly batch: Batch;
      readonly timeMs: number;
      /** In the order in which they were handed over. */
      readonly tried: readonly Queued[];
    },
  ): Promise<void> => {
    if (error instanceof CommitFailure && error.kind === 'refused') {
      reactor.discard();
      oneByOne(tried, error);
      return;
    }
    const outcome = await recover(error, tried, batch);
    if (outcome === 'written') {
      adopt(judged, timeMs, batch.id);
      return;
    }
    reactor.discard();
    if (outcome === 'not_written') queue.putBack(unsettled(tried));
  };

  /**
   * A statement failed. Which request it belongs to shows when each is tried alone, in order and before all others: what
   * was decided upon one of them is judged after it.
   */
  const oneByOne = (group: readonly Queued[], error: CommitFailure): void => {
    const [only, ...others] = group;
    if (only === undefined) return;
    if (others.length > 0) {
      queue.putBackAlone(unsettled(group));
      return;
    }
    logger.error({ cause: error.message }, 'The database refused a request');
    only.reject(
      new CrucibleError('internal', 'The database refused what this request writes', { cause: error }),
    );
  };

  /** The store did not answer as it should. Ends the loop, or takes the lease anew and tells whether `batch` was written. */
  const recover = async (
    error: unknown,
    group: readonly Queued[],
    batch: Batch | undefined,
  ): Promise<'written' | 'not_written' | 'failed'> => {
    const failed = (fatal: CrucibleError): 'failed' => {
      for (const queued of group) queued.reject(fatal);
      fail(fatal);
      return 'failed';
    };
    if (error instanceof CommitFailure && error.kind === 'fenced') return failed(fencedOff(error));
    if (!store.recoverable || state === 'closing') return failed(unavailableBecause(error));

    state = 'recovering';
    logger.warn({ cause: messageOf(error) }, 'The outcome of a commit is unknown, taking the lease anew');
    try {
      const lease = await reacquire(store, {
        attemptTimeoutMs: limits.commitTimeoutMs,
        signal: aborted.signal,
        logger,
      });
      const written = batch !== undefined && lease.batch === batch.id;
      if (!written && (lease.batch !== lastBatch || lease.head !== head)) return failed(fencedOff(error));
      epoch = lease.epoch;
      state = aborted.signal.aborted ? 'closing' : 'open';
      if (state === 'open') refusal = undefined;
      logger.info({ epoch, written }, 'The log is writable again');
      return written ? 'written' : 'not_written';
    } catch (cause) {
      return failed(isCrucibleError(cause, 'fenced') ? fencedOff(cause) : unavailableBecause(cause));
    }
  };

  /** A courtesy to the next writer, which would wait for the lease to end otherwise. */
  const release = async (): Promise<void> => {
    try {
      await withDeadline(store.release(epoch), RELEASE_TIMEOUT_MS);
    } catch (error) {
      logger.warn({ cause: messageOf(error) }, 'The lease could not be released, it ends by itself');
    }
  };

  const fail = (error: CrucibleError): void => {
    if (state === 'failed' || state === 'closed') return;
    // Asked to stop anyway, and the next start finds out what was written.
    const stopping = store.recoverable && aborted.signal.aborted && error.code !== 'fenced';
    state = 'failed';
    refusal = error;
    clearInterval(renewal);
    logger.error({ code: error.code, cause: messageOf(error.cause ?? error) }, error.message);
    queue.refuseAll(error);
    if (!stopping) deps.onFatal(error);
  };

  /** @throws CrucibleError why it cannot be taken */
  const admit = (request: AppendRequest): Promise<AppendResult> => {
    try {
      if (refusal !== undefined) throw refusal;
      checkRequest(request, store);
      return queue.add(request);
    } catch (error) {
      if (request.ticket !== undefined) request.ticket.outcome = 'void';
      throw error;
    }
  };

  return {
    head: () => head,
    settled: (read) => (read === undefined || areWritten(read, writing) ? underWay : Promise.resolve()),
    problem: () => {
      if (refusal !== undefined) return refusal.message;
      return state === 'recovering'
        ? 'The database failed or did not answer; its lease is taken anew'
        : undefined;
    },
    refusal: () => refusal,
    async append(request) {
      const answer = admit(request);
      wake();
      return answer;
    },
    async close() {
      if (state === 'closed') return;
      refusal ??= closed();
      if (state === 'open') state = 'closing';
      aborted.abort();
      while (pump !== undefined) await pump;
      clearInterval(renewal);
      if (state === 'closing') await release();
      state = 'closed';
      await store.close();
    },
  };
};

const unsettled = (group: readonly Queued[]): readonly Queued[] => group.filter(({ settled }) => !settled());

const closed = (): CrucibleError =>
  new CrucibleError('log_unavailable', 'The log is closed', {
    hint: 'The server is stopping; try the next one.',
  });

const fencedOff = (cause: unknown): CrucibleError =>
  new CrucibleError('fenced', 'Another process has become the writer of the log', { cause });

const unavailableBecause = (cause: unknown): CrucibleError =>
  new CrucibleError(
    'log_unavailable',
    'The event log cannot be written: the database failed or did not answer',
    {
      hint: 'Whether a request under way was written is unknown: repeat it with the same idempotency key or event ids.',
      retryAfterMs: 1_000,
      cause,
    },
  );
