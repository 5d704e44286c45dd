import type { CrucibleEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import type { ClientOptions } from './options.ts';
import { openStreamConnection } from './stream-connection.ts';

/** Which events, and from where on. */
export interface StreamOptions {
  readonly filters: readonly EventFilter[];
  /** A position: what comes after it is read first. 0: everything. Absent: only what happens from now on. */
  readonly after?: number;
  /** The log that `after` is of, as a former stream said by `onProgress`: another log ends with `epoch_changed`. */
  readonly epoch?: string;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
  /**
   * Told how far everything is read, also where nothing matched: what a program keeps, to go on from when it starts
   * again. Called for an event when the loop asks for the next one.
   */
  readonly onProgress?: (position: number, epoch: string | undefined) => void;
  /** Told of breaks that are being mended, and of events on which the filters fail. */
  readonly onNotice?: (notice: string) => void;
  /** Between two attempts, ms: twice as long after each failure, from `first` up to `most`. Default 250 and 15,000. */
  readonly backoff?: { readonly first: number; readonly most: number };
}

const BACKOFF = { first: 250, most: 15_000 };

/**
 * The events that match, one after another, for as long as the loop goes on; in Node and in browsers.
 *
 *     for await (const event of streamEvents({ url, key }, { filters: [{ event_type: 'memory.*' }], after: 0 })) …
 *
 * A connection that breaks is made again, and goes on behind the last event that was given. Guarantee: from the first
 * answer of the server on, each matching event is given once and in order, over all breaks; whatever comes at or before
 * the position that was reached is dropped. A slow loop costs no more memory than what may wait for it: the connection is
 * left when more comes, and made again when the loop has caught up.
 * @throws StreamError where coming back cannot help: `unauthenticated`, `forbidden`, `invalid`, `position_expired`,
 *   `epoch_changed`
 */
export async function* streamEvents(
  connection: ClientOptions,
  options: StreamOptions,
): AsyncGenerator<CrucibleEvent, void, void> {
  const { signal, onNotice, onProgress, backoff = BACKOFF } = options;
  let { after, epoch } = options;
  let failures = 0;
  const reached = (position: number): void => {
    if (after !== undefined && position <= after) return;
    after = position;
    onProgress?.(position, epoch);
  };
  while (signal?.aborted !== true) {
    const open = openStreamConnection(connection, { filters: options.filters, after, epoch, onNotice });
    const end = (): void => open.close('the reader left');
    signal?.addEventListener('abort', end, { once: true });
    try {
      for await (const item of open.items()) {
        if (isAborted(signal)) return;
        failures = 0;
        if ('epoch' in item) epoch = item.epoch;
        if ('event' in item) {
          if (after !== undefined && item.event.position <= after) continue;
          yield item.event;
          reached(item.event.position);
        } else reached(item.position);
      }
    } finally {
      signal?.removeEventListener('abort', end);
      end();
    }
    if (isAborted(signal)) return;
    onNotice?.(`The stream broke (${open.reason()}) and is being resumed`);
    await pause(Math.min(backoff.most, backoff.first * 2 ** failures) * (0.5 + Math.random() / 2), signal);
    failures += 1;
  }
}

/** Asked again after each wait. */
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
    if (isAborted(signal)) done();
  });
