import type { CompiledFilters } from '../events/compiled.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { EventFilter } from '../events/filter.ts';
import { compileFilters } from '../events/filters/index.ts';
import type { Committed, Log } from '../log/log.ts';
import { framesOf, type Frames } from './frames.ts';

/** What one subscription of a connection asks for. */
export interface Subscription {
  readonly id: string;
  readonly filters: SharedFilters;
  /** The worlds that it sees; undefined: all. */
  readonly worlds: readonly string[] | undefined;
}

/** Filters that are compiled once for all who have the same. */
interface SharedFilters {
  /** The canonical text: equal filters have equal texts. */
  readonly key: string;
  readonly compiled: CompiledFilters;
}

/** What an event is to one connection: the subscriptions that it matches, and those whose filter failed on it. */
export interface Matches {
  readonly ids: string[];
  readonly failures: { readonly id: string; readonly message: string }[];
}

/** A connection, as who passes events on sees it. */
export interface Recipient {
  /** Called in position order, at most once an event. Never waits. */
  deliver(frames: Frames, matches: Matches): void;
  /** The events of a commit are through. */
  flush(): void;
}

/** Passes committed events on to live subscriptions. */
export interface FanOut {
  /** Everything up to here has been passed on; what a subscription that joins now gets comes after it. */
  position(): number;
  /** Compiles filters, or gives those that another one has compiled. @throws CrucibleError `invalid` */
  share(filters: readonly EventFilter[]): SharedFilters;
  release(filters: SharedFilters): void;
  join(subscription: Subscription, recipient: Recipient): void;
  leave(subscription: Subscription): void;
  /** How many different filters there are. */
  readonly distinct: number;
  close(): void;
}

interface Shared extends SharedFilters {
  users: number;
  readonly live: Map<Subscription, Recipient>;
}

export const sees = (worlds: readonly string[] | undefined, event: CrucibleEvent): boolean =>
  worlds === undefined || worlds.includes(event.world);

/** Adds what the event is to one subscription. */
export const addMatch = (
  result: ReturnType<CompiledFilters['match']>,
  id: string,
  matches: Matches,
): void => {
  if (result.matched === true) matches.ids.push(id);
  else if (result.matched === 'error') matches.failures.push({ id, message: result.message });
};

/**
 * One listener on the log for all connections.
 *
 * Guarantee: `position()` is the head of the log whenever anybody else runs, because the log calls its listeners in the
 * turn in which its head moves, and this one does its whole work in that call. A subscription that has been given
 * everything up to `position()` and joins in the same turn misses nothing and gets nothing twice.
 */
export const createFanOut = (log: Pick<Log, 'head' | 'onCommit'>): FanOut => {
  const shared = new Map<string, Shared>();
  let position = log.head();

  const pass = (event: CrucibleEvent, touched: Set<Recipient>): void => {
    const recipients = new Map<Recipient, Matches>();
    for (const { compiled, live } of shared.values()) {
      if (live.size === 0) continue;
      const result = compiled.match(event);
      if (result.matched === false) continue;
      for (const [subscription, recipient] of live) {
        if (!sees(subscription.worlds, event)) continue;
        const matches = recipients.get(recipient) ?? { ids: [], failures: [] };
        recipients.set(recipient, matches);
        addMatch(result, subscription.id, matches);
      }
    }
    if (recipients.size === 0) return;
    const frames = framesOf(event);
    for (const [recipient, matches] of recipients) {
      touched.add(recipient);
      recipient.deliver(frames, matches);
    }
  };

  const stop = log.onCommit(({ events }: Committed) => {
    const touched = new Set<Recipient>();
    for (const event of events) {
      pass(event, touched);
      position = event.position;
    }
    for (const recipient of touched) recipient.flush();
  });

  return {
    position: () => position,
    share(filters) {
      const compiled = compileFilters(filters, undefined, { starMatchesReactions: true });
      const key = JSON.stringify(compiled.source);
      const known = shared.get(key) ?? { key, compiled, users: 0, live: new Map() };
      known.users += 1;
      shared.set(key, known);
      return known;
    },
    release({ key }) {
      const known = shared.get(key);
      if (known === undefined) return;
      known.users -= 1;
      if (known.users === 0) shared.delete(key);
    },
    join: (subscription, recipient) =>
      void shared.get(subscription.filters.key)?.live.set(subscription, recipient),
    leave: (subscription) => void shared.get(subscription.filters.key)?.live.delete(subscription),
    get distinct() {
      return shared.size;
    },
    close: stop,
  };
};
