import type { CrucibleEvent } from '../events/envelope.ts';
import type { CommittedReads } from './committed-reads.ts';
import type { EventQuery, ReplayItem } from './log.ts';
import { passes } from './query-plan.ts';
import type { RecentEvents } from './recent-events.ts';

const POSITIONS_AT_A_TIME = 1_024;

interface ReplayOptions {
  /** A position; what comes after it is read. */
  readonly after: number;
  readonly filters?: EventQuery['filters'];
}

/** In position order, up to the head as it is when the end is reached; then `caught_up`. Holds one read in memory. */
export async function* replay(
  reads: CommittedReads,
  options: ReplayOptions & { readonly signal?: AbortSignal },
): AsyncGenerator<ReplayItem> {
  reads.checkAvailable(options.after);
  let position = options.after;
  while (position < reads.head()) {
    const to = Math.min(position + POSITIONS_AT_A_TIME, reads.head());
    for (const event of await reads.range(position + 1, to)) {
      if (options.signal?.aborted === true) return;
      if (passes(options.filters, event)) yield { kind: 'event', event };
    }
    position = to;
    reads.checkAvailable(position);
  }
  if (options.signal?.aborted !== true) yield { kind: 'caught_up', position };
}

/**
 * As replay, then on with what is committed later, without a gap or a repeat, until the signal aborts or the log closes.
 * A reader that falls behind holds nothing back: what it has not read yet is read from the store.
 */
export async function* tail(
  reads: CommittedReads,
  live: {
    readonly recent: RecentEvents;
    /** Resolves when the head moves past this position; false when the signal aborts or the log closes first. */
    readonly moved: (position: number, signal: AbortSignal) => Promise<boolean>;
  },
  options: ReplayOptions & { readonly signal: AbortSignal },
): AsyncGenerator<ReplayItem> {
  let position = options.after;
  for await (const item of replay(reads, options)) {
    if (item.kind === 'caught_up') position = item.position;
    yield item;
  }
  while (!options.signal.aborted && (await live.moved(position, options.signal))) {
    const to = Math.min(position + POSITIONS_AT_A_TIME, reads.head());
    const events: readonly CrucibleEvent[] =
      live.recent.after(position) ?? (await reads.range(position + 1, to));
    for (const event of events) {
      if (options.signal.aborted) return;
      if (event.position > reads.head()) break;
      position = event.position;
      if (passes(options.filters, event)) yield { kind: 'event', event };
    }
    if (events.length === 0) position = to;
    reads.checkAvailable(position);
  }
}
