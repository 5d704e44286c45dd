import type { Access } from '../access/access.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { createStreamServer, type StreamServer } from '../stream/stream-server.ts';
import type { Closers } from './closers.ts';

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

/** The stream over the log; `attach` it to the server. Closed before the server: its connections would be cut off. */
export const openStream = async (
  deps: {
    readonly log: Log;
    readonly access: Access;
    /** Origins of pages that may connect. */
    readonly origins: readonly string[];
    readonly logger: Logger;
  },
  closers: Closers,
): Promise<StreamServer> => {
  const { log, access, origins } = deps;
  const stream = createStreamServer({
    log,
    access,
    epoch: await nameOf(log),
    origins,
    clock,
    newId,
    logger: deps.logger.child({ component: 'stream' }),
  });
  closers.add(() => stream.close());
  return stream;
};
