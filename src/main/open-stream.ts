import type { Access } from '../access/access.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import type { ConnectedAgents } from '../stream/connected-agents.ts';
import { createEventFeed, type FeedServer } from '../stream/event-feed.ts';
import type { Relay } from '../stream/relay.ts';
import { createStreamServer, type StreamServer } from '../stream/stream-server.ts';

/**
 * The name of this log, for clients that come back: the id of its first event, which no other log has. null while it is
 * empty.
 */
const nameOf = async (log: Pick<Log, 'at' | 'onCommit'>): Promise<() => string | null> => {
  let name = (await log.at(1))?.id ?? null;
  if (name === null) {
    const stop = log.onCommit(({ events }) => {
      const [first] = events;
      if (first === undefined) return;
      if (first.position === 1) name = first.id;
      stop();
    });
  }
  return () => name;
};

/** Both ways to follow the log: over WebSockets, to `attach` to the server, and as server-sent events of the API. */
export interface Streams {
  readonly server: StreamServer;
  readonly feed: FeedServer;
  /** Tells all who follow to come back. Before the server is closed: it would wait for them, and then cut them off. */
  close(): Promise<void>;
}

/** The stream over the log. */
export const openStream = async (deps: {
  readonly log: Log;
  readonly access: Access;
  readonly agents: ConnectedAgents;
  /** Origins of pages that may connect. */
  readonly origins: readonly string[];
  readonly logger: Logger;
  /** Where the connections of agents are talked with; absent: here. */
  readonly relay?: Relay;
}): Promise<Streams> => {
  const { log, access, agents, origins } = deps;
  const epoch = await nameOf(log);
  const feed = createEventFeed({ log, access, epoch, clock });
  const server = createStreamServer({
    log,
    access,
    agents,
    epoch,
    origins,
    clock,
    newId,
    logger: deps.logger.child({ component: 'stream' }),
    ...(deps.relay !== undefined && { relay: deps.relay }),
  });
  return {
    server,
    feed,
    close: () => {
      feed.close();
      return server.close();
    },
  };
};
