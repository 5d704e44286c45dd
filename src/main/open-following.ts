import type { LeaderCase } from '../../router/trpc.ts';
import type { Config } from '../config/config.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import { targetIndexOf } from '../dispatch/target-index.ts';
import { catalogue } from '../events/catalogue.ts';
import { createForward } from '../http/forward.ts';
import { forwardingTo } from '../http/forwarding.ts';
import { createLeaderClient } from '../internal/client.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { openFollowedLog } from '../log/following/followed-log.ts';
import type { StateWriter } from '../state/writer.ts';
import { createConnectedAgents } from '../stream/connected-agents.ts';
import { DEFAULT_LIMITS } from '../stream/protocol.ts';
import { createRelay } from '../stream/relay.ts';
import { STREAM_PATH } from '../stream/stream-server.ts';
import { openFollowedStore } from '../surreal/surreal-store.ts';
import { createClosers, type Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import { healthOfFollower } from './health.ts';
import { createMetrics, watchLeading } from './metrics.ts';
import { openAccess } from './open-access.ts';
import { openApi } from './open-api.ts';
import { openServices } from './open-services.ts';
import { openStream } from './open-stream.ts';
import { TABLES } from './tables.ts';

/** How long requests under way have when the one that writes is gone, or this one stops. ms */
const LAST_ANSWERS_MS = 1_000;
/** How long an answer waits until this server has seen what it tells of. ms */
const SEEN_TIMEOUT_MS = 5_000;

/** A session with the server that writes: this one answers reads, and sends on all else. */
export interface Following {
  /** Where its API is. */
  readonly url: string;
  /** Resolves with the reason when there is nobody to follow any more. Then close it. */
  readonly over: Promise<CrucibleError>;
  close(): Promise<void>;
}

/** The server that writes, as the database says. */
export interface Followed {
  readonly url: string;
  readonly epoch: number;
}

/** Nothing is decided here: whatever would is sent on. */
const noWriter: StateWriter = {
  write: () =>
    Promise.reject(new CrucibleError('internal', 'A server that follows another one was asked to decide')),
};

const casesOf = ({ embeddings, memoryAccessed }: Config): readonly LeaderCase[] => [
  'always',
  ...(embeddings === undefined ? [] : (['meanings'] as const)),
  ...(memoryAccessed === 'off' ? [] : (['gets'] as const)),
  ...(memoryAccessed === 'all' ? (['finds'] as const) : []),
];

export interface FollowingDeps extends CrucibleDeps {
  readonly adminKey: string;
  readonly internalKey: string;
  readonly buildEvent: BuildEvent;
}

/**
 * Begins to follow, and opens the door when all that is in memory is what the one that writes has acknowledged. Whatever
 * acts by itself (links that are mended, files and hooks that are watched, runs) is that one's.
 * @param beforeDoor called right before the door is opened
 * @throws CrucibleError `fenced`, `log_unavailable`: nobody can be followed there now; `port_in_use`
 */
export const openFollowing = async (
  deps: FollowingDeps,
  followed: Followed,
  beforeDoor: () => Promise<void>,
): Promise<Following> => {
  const closers = createClosers(deps.logger);
  try {
    const opened = await open(deps, followed, closers);
    await beforeDoor();
    const { url } = await opened.http.listen(deps.config);
    deps.logger.info({ url: followed.url, epoch: followed.epoch }, 'following the server that writes');
    return { url, over: opened.over, close: () => closers.closeAll() };
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
};

const open = async (deps: FollowingDeps, { url: leaderUrl, epoch }: Followed, closers: Closers) => {
  const { config, version } = deps;
  const logger = deps.logger.child({ component: 'following' });
  const store = await openFollowedStore({ ...config.surreal, tables: TABLES, logger });
  closers.add(() => store.close());
  const leader = createLeaderClient({ url: leaderUrl, key: deps.internalKey });
  closers.add(() => leader.close());
  const log = await openFollowedLog({ store, leader, epoch, clock, logger, upcast: catalogue.upcast });
  closers.add(() => log.close());

  const metrics = createMetrics(version);
  const observed = metrics.observed(log);
  metrics.watch(
    'crucible_commits_applied',
    'The last commit of the server that writes that this one has seen.',
    log.applied,
  );
  watchLeading(metrics, false);
  const agents = createConnectedAgents();
  const nothing = targetIndexOf([]);
  const { egress, ...services } = await openServices(
    deps,
    {
      log: observed,
      writer: noWriter,
      targets: () => nothing,
      buildEvent: deps.buildEvent,
      connections: agents,
      following: true,
    },
    closers,
  );
  const { access, keys } = await openAccess(
    { adminKey: deps.adminKey, jwt: config.jwt, log: observed, egress, logger: deps.logger },
    closers,
  );
  const { corsOrigins: origins } = config.httpAccess;
  const stream = await openStream({
    log: observed,
    access,
    agents,
    origins,
    logger: deps.logger,
    relay: createRelay({
      url: `${leader.upstream.url}${STREAM_PATH}`,
      headers: leader.upstream.headers('stream'),
      ...DEFAULT_LIMITS,
    }),
  });
  const forward = createForward({
    upstream: leader.upstream,
    untilApplied: (sequence) => log.untilApplied(sequence, SEEN_TIMEOUT_MS),
    logger,
  });
  const http = openApi(deps, {
    services,
    keys,
    stream,
    metrics,
    access,
    health: healthOfFollower({ log, leaderUrl }),
    forwarding: forwardingTo(forward, casesOf(config)),
  });
  closers.add(() => http.close(LAST_ANSWERS_MS));
  closers.add(() => forward.close(LAST_ANSWERS_MS));
  closers.add(() => stream.close());
  // Everything that holds something in memory listens by now.
  await log.begin();
  return { http, over: log.over };
};
