import { CrucibleError } from '../kernel/errors.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import { createQueue } from './queue.ts';

/** Decides which events a subscriber gets. A compiled filter's `match(event).matched === true`, or anything else. */
type Wanted = (event: CrucibleEvent) => boolean;

interface SubscribeOptions {
  /** Ends the subscription. */
  readonly signal: AbortSignal;
  /** How many events may wait for this subscriber. Default 10,000. */
  readonly capacity?: number;
}

/** In-process fan-out of what was committed, in position order. */
export interface Bus {
  /** Gives committed events to every subscriber that wants them. Never waits for one. */
  publish(events: readonly CrucibleEvent[]): void;
  /**
   * The events from now on that `wanted` accepts, in position order, each once. A subscriber that falls more than
   * `capacity` events behind gets `overloaded` from the iterator, after the events that were waiting: it goes on by
   * reading the log from the last position that it has seen. Nothing is dropped silently.
   */
  subscribe(wanted: Wanted, options: SubscribeOptions): AsyncIterable<CrucibleEvent>;
  /** All `system.*` events from now on, whatever else one listens to. */
  broadcasts(options: SubscribeOptions): AsyncIterable<CrucibleEvent>;
  /** Ends every subscription. */
  close(): void;
  readonly subscribers: number;
}

const DEFAULT_CAPACITY = 10_000;

export const createBus = (): Bus => {
  const subscribers = new Set<{ wanted: Wanted; push: (event: CrucibleEvent) => void; end: () => void }>();

  const subscribe: Bus['subscribe'] = (wanted, { signal, capacity = DEFAULT_CAPACITY }) => {
    const queue = createQueue<CrucibleEvent>(capacity);
    const leave = (): void => {
      subscribers.delete(subscriber);
      signal.removeEventListener('abort', leave);
      queue.end();
    };
    const subscriber = {
      wanted,
      push: (event: CrucibleEvent): void => {
        if (queue.push(event)) return;
        subscribers.delete(subscriber);
        queue.fail(
          new CrucibleError('overloaded', `this subscriber is more than ${capacity} events behind`, {
            hint: 'read the log from the last position seen, then subscribe again',
          }),
        );
      },
      end: leave,
    };
    if (signal.aborted) queue.end();
    else {
      subscribers.add(subscriber);
      signal.addEventListener('abort', leave, { once: true });
    }
    return queue.read(leave);
  };

  return {
    publish: (events) => {
      for (const event of events) {
        for (const subscriber of subscribers) if (subscriber.wanted(event)) subscriber.push(event);
      }
    },
    subscribe,
    broadcasts: (options) => subscribe((event) => event.type.startsWith('system.'), options),
    close: () => {
      for (const subscriber of subscribers) subscriber.end();
    },
    get subscribers() {
      return subscribers.size;
    },
  };
};
