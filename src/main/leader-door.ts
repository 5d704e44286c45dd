import type { AgentConnections } from '../../activities/agent/index.ts';
import type { InternalConfig } from '../config/config.ts';
import type { DrainLines } from '../dispatch/drain-place.ts';
import type { HttpServer } from '../http/server.ts';
import { HEADERS } from '../internal/protocol.ts';
import { createInternalServer } from '../internal/server.ts';
import type { LeaderServices } from '../internal/services.ts';
import type { Logger } from '../kernel/logger.ts';
import type { LeadingLog } from '../log/create-log.ts';
import { createCommitFeed } from '../log/following/commit-feed.ts';
import { createSentAppends } from '../log/following/sent-appends.ts';
import type { Log } from '../log/log.ts';
import { withDisabledEndpoints } from '../webhooks/disable.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import type { Metrics } from './metrics.ts';

/** The door of the server that writes for those that follow it. Until it is opened, it says that this one does not write. */
export interface LeaderDoor {
  /** Where the others reach it: it stands in the database with the lease. */
  readonly url: string;
  /** From here on followers are told of commits, and what they send is done. */
  open(parts: {
    readonly log: LeadingLog;
    /** Sent appends go this way. */
    readonly append: Log['append'];
    readonly drains: DrainLines;
    readonly agents: AgentConnections;
    readonly http: Pick<HttpServer, 'forwarded'>;
    readonly upgrade: NonNullable<LeaderServices['upgrade']>;
    readonly watch: Metrics['watch'];
  }): void;
}

const everySecond = (act: () => void): (() => void) => {
  const timer = setInterval(act, 1_000);
  return () => clearInterval(timer);
};

/** Whether others can read the database too. */
const isServer = (url: string): boolean => /^(?:ws|http)s?:/.test(url);

/**
 * What the settings say of the door; undefined: there is none, since nobody else could read the database.
 */
export const internalOf = ({
  config,
  logger,
}: Pick<CrucibleDeps, 'config' | 'logger'>): InternalConfig | undefined => {
  const { internal, surreal } = config;
  if (internal === undefined || isServer(surreal.url)) return internal;
  logger.warn(
    {},
    'CRUCIBLE_INTERNAL_KEY is set, and the database is embedded: nobody can follow this server',
  );
  return undefined;
};

/** @throws CrucibleError `port_in_use` */
export const openLeaderDoor = async (
  { key, host, port, url: advertised }: InternalConfig,
  root: Logger,
  closers: Closers,
): Promise<LeaderDoor> => {
  const logger = root.child({ component: 'internal' });
  const server = createInternalServer({ key, logger });
  closers.add(() => server.close());
  const { url: own } = await server.listen({ host, port });
  const url = advertised ?? own;
  return {
    url,
    open({ log, append, drains, agents, http, upgrade, watch }) {
      const feed = createCommitFeed({ log, everySecond });
      server.open({
        feed,
        appends: createSentAppends({ log: withDisabledEndpoints({ append, records: log.records }), feed }),
        drains,
        agents,
        forward: http.forwarded({ header: HEADERS.sequence, sequence: feed.sequence }),
        upgrade,
      });
      // First the feeds: who follows learns that this one writes no more, and looks for the next.
      closers.add(() => server.close());
      closers.add(() => feed.close());
      watch('crucible_commits_told', 'The last commit that followers are told of.', feed.sequence);
      logger.info({ url }, 'others can follow this server');
    },
  };
};
