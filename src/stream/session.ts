import { assertPermitted, type Principal } from '../access/principal.ts';
import type { EventFilter } from '../events/filter.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { Log } from '../log/log.ts';
import { sees, addMatch, type FanOut, type Matches, type Recipient, type Subscription } from './fan-out.ts';
import { assertSameLog, expiredAt } from './positions.ts';
import { framesOf, type Frames } from './frames.ts';
import type { ServerMessage, StreamLimits, Subscribe, Unsubscribe } from './protocol.ts';

/** Where messages go: a socket. */
export interface Outlet {
  /** Takes a whole message, text as UTF-8. Never waits. */
  send(message: string | Buffer): void;
  /** How many bytes wait to be written. */
  buffered(): number;
  /** Until what waits has been written, or the socket is closed. */
  drained(): Promise<void>;
  /** Between these two what is sent is put together to fewer packets. */
  hold(): void;
  release(): void;
}

/**
 * The subscriptions of one connection.
 *
 * A subscription is in one of two states:
 *
 *     subscribe after: p --> reading --its position is the head, in this very turn--> live
 *     subscribe ------------------------------------------------------------------->  live
 *     live --more than `maxBufferedBytes` wait to be written--> reading
 *     reading --what comes next was removed by retention--> gone, with `position_expired`
 *     any --unsubscribe, end of the connection--> gone
 *
 * reading: gets events out of the log, a page at a time, as fast as the client takes them; holds a position and no event
 * while it waits. live: gets them from the fan-out.
 *
 * Guarantee: each event after the place where it began that matches is sent once, in position order. For reading, because
 * its position only grows, with each event looked at. For live, because the fan-out calls in position order. For the change
 * to live, because position and head are compared, and the fan-out joined, in one turn. For the change back, because it
 * reads on right before the event that was not sent.
 */
export interface Session extends Recipient {
  /** @throws CrucibleError `forbidden`, `invalid`, `already_exists`, `conflict`, `position_expired`, `epoch_changed` */
  subscribe(message: Subscribe): void;
  /** @throws CrucibleError `not_found`, `invalid` */
  unsubscribe(message: Unsubscribe): void;
  /** Called now and then: tells a client to which nothing was sent since the last time how far it has come. */
  checkpoint(): void;
  close(): void;
  readonly subscriptions: number;
  /** How many of them are not live. */
  readonly reading: number;
}

export interface SessionDeps {
  readonly log: Pick<Log, 'query' | 'head' | 'firstAvailable'>;
  readonly fanOut: FanOut;
  readonly outlet: Outlet;
  readonly principal: Principal;
  /** The worlds that the connection sees; undefined: all. */
  readonly worlds: readonly string[] | undefined;
  readonly epoch: () => string | null;
  readonly limits: Pick<StreamLimits, 'maxSubscriptions' | 'maxBufferedBytes'>;
  /** The log could not be read; the connection cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/** How many positions are read at a time. */
const PAGE = 500;

interface Reading {
  readonly subscription: Subscription;
  /** Everything up to here has been looked at. */
  position: number;
}

export const createSession = (deps: SessionDeps): Session => {
  const { log, fanOut, outlet, principal, limits } = deps;
  const subscriptions = new Map<string, Subscription>();
  const reading = new Map<string, Reading>();
  let closed = false;
  let readerRuns = false;
  let named = 0;
  let holding = false;
  /** The highest position that the client knows to be complete, by a checkpoint or an event. */
  let told = 0;
  let silent = true;

  const tell = (message: ServerMessage): void => outlet.send(JSON.stringify(message));

  const sendMatches = (frames: Frames, { ids, failures }: Matches): void => {
    silent = false;
    if (ids.length > 0) outlet.send(frames.of(ids));
    const { position } = frames.event;
    for (const { id, message } of failures) {
      tell({
        type: 'error',
        code: 'invalid',
        message: `The filters could not be applied to the event at position ${position}: ${message}`,
        request: { action: 'subscribe', id, position },
      });
    }
    if (reading.size === 0) told = position;
  };

  const goLive = ({ subscription, position }: Reading): void => {
    reading.delete(subscription.id);
    fanOut.join(subscription, session);
    tell({ type: 'caught_up', id: subscription.id, position });
    silent = false;
    if (reading.size === 0) told = position;
  };

  const remove = (subscription: Subscription): void => {
    subscriptions.delete(subscription.id);
    reading.delete(subscription.id);
    fanOut.leave(subscription);
    fanOut.release(subscription.filters);
  };

  const dropExpired = (): void => {
    for (const { subscription, position } of reading.values()) {
      const expired = expiredAt(log, position);
      if (expired === undefined) continue;
      remove(subscription);
      tell({
        type: 'error',
        code: expired.code,
        message: expired.message,
        ...(expired.hint !== undefined && { hint: expired.hint }),
        request: { action: 'subscribe', id: subscription.id, position },
      });
    }
  };

  /** One page for all that stand within it. False: the client must take what waits first. */
  const readPage = async (): Promise<boolean> => {
    const group = [...reading.values()];
    const from = Math.min(...group.map(({ position }) => position));
    const to = Math.min(from + PAGE, log.head());
    const { data } = await log.query({ after: from, before: to + 1, order: 'asc', limit: PAGE });
    const present = group.filter((one) => reading.get(one.subscription.id) === one);
    for (const event of data) {
      if (closed) return true;
      if (outlet.buffered() > limits.maxBufferedBytes / 2) return false;
      const matches: Matches = { ids: [], failures: [] };
      for (const one of present) {
        if (one.position >= event.position) continue;
        one.position = event.position;
        const { id, filters, worlds } = one.subscription;
        if (sees(worlds, event)) addMatch(filters.compiled.match(event), id, matches);
      }
      if (matches.ids.length + matches.failures.length > 0) sendMatches(framesOf(event), matches);
    }
    for (const one of present) one.position = Math.max(one.position, to);
    return true;
  };

  const readOn = async (): Promise<void> => {
    let readable = false;
    while (!closed) {
      if (!readable) await outlet.drained();
      if (closed) return;
      dropExpired();
      // From here to the next await is one turn: the head cannot move in between.
      for (const one of reading.values()) if (one.position >= fanOut.position()) goLive(one);
      if (reading.size === 0) return;
      readable = await readPage();
    }
  };

  const startReading = (): void => {
    if (readerRuns) return;
    readerRuns = true;
    readOn()
      .catch((error: unknown) => deps.onFailure(error))
      .finally(() => {
        readerRuns = false;
        // What fell behind in the turns in which the reader came to its end.
        if (!closed && reading.size > 0) startReading();
      });
  };

  const fallBehind = (position: number): void => {
    for (const subscription of subscriptions.values()) {
      if (reading.has(subscription.id)) continue;
      fanOut.leave(subscription);
      reading.set(subscription.id, { subscription, position });
    }
    startReading();
  };

  const worldsOf = (world: string | undefined): readonly string[] | undefined => {
    if (world === undefined) return deps.worlds;
    if (deps.worlds === undefined || deps.worlds.includes(world)) return [world];
    throw new CrucibleError(
      'forbidden',
      `These credentials do not open the world ${world} on this connection`,
    );
  };

  const freeId = (): string => {
    do named += 1;
    while (subscriptions.has(`s${named}`));
    return `s${named}`;
  };

  const session: Session = {
    subscribe({ id = freeId(), filters, after, world, epoch }) {
      assertPermitted(principal, 'event:read');
      const worlds = worldsOf(world);
      if (subscriptions.has(id))
        throw new CrucibleError('already_exists', `This connection has a subscription ${id}`, {
          hint: 'Unsubscribe first, or choose another id.',
        });
      if (subscriptions.size >= limits.maxSubscriptions)
        throw new CrucibleError(
          'conflict',
          `A connection has at most ${limits.maxSubscriptions} subscriptions`,
          {
            hint: 'Several filters fit into one subscription.',
          },
        );
      assertSameLog({ after, epoch, head: log.head(), current: deps.epoch() });
      const expired = after === undefined ? undefined : expiredAt(log, after);
      if (expired !== undefined) throw expired;
      const subscription = {
        id,
        worlds,
        filters: fanOut.share(filters as unknown as readonly EventFilter[]),
      };
      subscriptions.set(id, subscription);
      const position = after ?? fanOut.position();
      tell({ type: 'subscribed', id, after: position });
      const one = { subscription, position };
      reading.set(id, one);
      if (position >= fanOut.position()) goLive(one);
      else startReading();
    },
    unsubscribe({ id, filters }) {
      const found =
        filters === undefined
          ? [...subscriptions.values()].filter((one) => one.id === id)
          : withFilters(filters as unknown as readonly EventFilter[]);
      if (found.length === 0)
        throw new CrucibleError('not_found', 'This connection has no such subscription');
      for (const subscription of found) {
        remove(subscription);
        tell({ type: 'unsubscribed', id: subscription.id });
      }
    },
    deliver(frames, matches) {
      if (closed) return;
      if (outlet.buffered() > limits.maxBufferedBytes) {
        fallBehind(frames.event.position - 1);
        return;
      }
      if (!holding) outlet.hold();
      holding = true;
      sendMatches(frames, matches);
    },
    flush() {
      if (holding) outlet.release();
      holding = false;
    },
    checkpoint() {
      if (subscriptions.size > 0 && silent) {
        const seen = Math.min(fanOut.position(), ...[...reading.values()].map(({ position }) => position));
        if (seen > told) tell({ type: 'checkpoint', position: seen });
        told = Math.max(told, seen);
      }
      silent = true;
    },
    close() {
      closed = true;
      for (const subscription of subscriptions.values()) remove(subscription);
    },
    get subscriptions() {
      return subscriptions.size;
    },
    get reading() {
      return reading.size;
    },
  };

  const withFilters = (filters: readonly EventFilter[]): readonly Subscription[] => {
    const shared = fanOut.share(filters);
    fanOut.release(shared);
    return [...subscriptions.values()].filter((one) => one.filters.key === shared.key);
  };

  return session;
};
