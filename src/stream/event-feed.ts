import type { EventFeed, FeedItem, FeedRequest } from '../../router/event-feed.ts';
import type { Access } from '../access/access.ts';
import { compileFilters } from '../events/filters/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { Log } from '../log/log.ts';
import { sees } from './fan-out.ts';
import { assertSameLog, expiredAt } from './positions.ts';

/** How long those who find no place, or whose server stops, should stay away. ms */
const RETRY_AFTER_MS = 1_000;

interface FeedLimits {
  readonly maxReaders: number;
  /** After so long without a match a reader is told how far it is; and how often expiry is looked at. ms */
  readonly checkpointMs: number;
}

const DEFAULT_LIMITS: FeedLimits = { maxReaders: 1_000, checkpointMs: 5_000 };

export interface FeedServer extends EventFeed {
  /** Ends all readers with `overloaded`, so that they come back, and takes no more. */
  close(): void;
  readonly readers: number;
}

interface Reader {
  readonly principalId: string;
  readonly expiresAt: number | undefined;
  readonly leave: AbortController;
}

const stopping = (): CrucibleError =>
  new CrucibleError('overloaded', 'The server is stopping', { retryAfterMs: RETRY_AFTER_MS });
const gone = (why: string): CrucibleError => new CrucibleError('unauthenticated', `The credentials ${why}`);

/**
 * The log for those who read it at their own pace.
 *
 * Guarantee: each matching event after the place where a reader began is given once, in position order: the log's own
 * `tail` has no gap and no repeat, and nothing is dropped here but what does not match. A reader that takes nothing holds
 * one page of the log in memory and no queue.
 */
export const createEventFeed = (deps: {
  readonly log: Pick<Log, 'tail' | 'head' | 'firstAvailable'>;
  readonly access: Pick<Access, 'onRevoked'>;
  /** Which log this is; null while it is empty. */
  readonly epoch: () => string | null;
  readonly clock: Clock;
  readonly limits?: Partial<FeedLimits>;
}): FeedServer => {
  const { log, access, clock } = deps;
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const readers = new Set<Reader>();
  /** Keys may be revoked between the look at a request's credentials and its first read. Their ids never come back. */
  const revoked = new Set<string>();
  let closed = false;

  const unwatch = access.onRevoked?.((principalId) => {
    revoked.add(principalId);
    for (const reader of readers)
      if (reader.principalId === principalId) reader.leave.abort(gone('were revoked'));
  });
  const timer = setInterval(() => {
    const now = clock.now();
    for (const { expiresAt, leave } of readers)
      if (expiresAt !== undefined && expiresAt <= now) leave.abort(gone('have expired'));
  }, limits.checkpointMs);
  timer.unref();

  /** @throws CrucibleError why nobody, or not this one, may begin here */
  const begin = ({ principal, after, epoch }: FeedRequest): Reader => {
    if (closed) throw stopping();
    if (revoked.has(principal.id)) throw gone('were revoked');
    if (readers.size >= limits.maxReaders)
      throw new CrucibleError('overloaded', 'No more readers of the stream can be taken', {
        retryAfterMs: RETRY_AFTER_MS,
      });
    assertSameLog({ after, epoch, head: log.head(), current: deps.epoch() });
    const expired = after === undefined ? undefined : expiredAt(log, after);
    if (expired !== undefined) throw expired;
    return { principalId: principal.id, expiresAt: principal.expiresAt, leave: new AbortController() };
  };

  async function* read(request: FeedRequest): AsyncGenerator<FeedItem, void, void> {
    const filters = compileFilters(request.filters, undefined, { starMatchesReactions: true });
    const reader = begin(request);
    readers.add(reader);
    const { signal: left } = reader.leave;
    try {
      const from = request.after ?? log.head();
      const signal = AbortSignal.any([request.signal, left]);
      const items = log.tail({ after: from, signal });
      yield { type: 'subscribed', position: from, epoch: deps.epoch() };
      let toldMs = clock.now();
      for await (const item of items) {
        if (signal.aborted) break;
        const now = clock.now();
        const told =
          item.kind === 'caught_up' ? { type: item.kind, position: item.position } : itemOf(item.event);
        if (told === undefined && now - toldMs < limits.checkpointMs) continue;
        toldMs = now;
        yield (
          told ?? {
            type: 'checkpoint',
            position: item.kind === 'event' ? item.event.position : item.position,
          }
        );
      }
      // Thrown behind the loop too: the log ends it without a word when the signal aborts.
      if (left.aborted) throw left.reason;
      if (!request.signal.aborted) throw stopping();
    } finally {
      readers.delete(reader);
    }

    function itemOf(event: Extract<FeedItem, { type: 'event' }>['event']): FeedItem | undefined {
      if (!sees(request.worlds, event)) return undefined;
      const result = filters.match(event);
      const { position } = event;
      if (result.matched === true) return { type: 'event', position, event };
      if (result.matched === false) return undefined;
      const message = `The filters could not be applied to the event at position ${position}: ${result.message}`;
      return { type: 'error', position, code: 'invalid', message };
    }
  }

  return {
    read,
    close() {
      closed = true;
      clearInterval(timer);
      unwatch?.();
      for (const { leave } of readers) leave.abort(stopping());
    },
    get readers() {
      return readers.size;
    },
  };
};
