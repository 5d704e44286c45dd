import { HOOK_TABLE } from '../../hooks/registry/row.ts';
import { targetId as hookTargetId } from '../../hooks/registry/target.ts';
import { targetIdOf as agentTargetId } from '../agents/ids.ts';
import { AGENT_TABLE } from '../agents/rows.ts';
import { buildEvent } from '../dispatch/build-event.ts';
import { followTargets, type TargetRows } from '../dispatch/followed-targets.ts';
import { catalogue } from '../events/catalogue.ts';
import { createLeaderClient } from '../internal/client.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import type { CrucibleError } from '../kernel/errors.ts';
import { openFollowedLog, type FollowedLog } from '../log/following/followed-log.ts';
import type { ReadStore } from '../log/store.ts';
import type { Temporal } from '../temporal/temporal.ts';
import { createClosers, type Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import { openActivities } from './open-activities.ts';
import { openExecutors } from './open-executors.ts';

/** Whom a worker works for: the server that writes, as the database says. */
export interface Leading {
  readonly url: string;
  readonly epoch: number;
}

/** What a worker is in one session with the server that writes. */
export interface WorkerSession {
  readonly log: Pick<FollowedLog, 'applied' | 'problem'>;
  readonly temporal: Temporal;
  /** Resolves with the reason when nothing can be recorded any more. Then close it. */
  readonly over: Promise<CrucibleError>;
  /** Begins nothing more, lets what is under way end within the grace time, and lets go of everything. */
  close(): Promise<void>;
}

export type WorkerDeps = Omit<CrucibleDeps, 'onFatal'> & { readonly internalKey: string };

/** Deliveries read the row of their webhook themselves. */
const TARGETS: readonly TargetRows[] = [
  { table: HOOK_TABLE.name, idOf: hookTargetId, enabled: (row) => row['enabled'] === true },
  {
    table: AGENT_TABLE.name,
    idOf: (id) => {
      const [world = '', agent = ''] = id.split('/');
      return agentTargetId(world, agent);
    },
    enabled: () => true,
  },
];

/**
 * Begins to work for the server that writes: executes runs, and records them there. Decides nothing, starts nothing and
 * looks after nothing: that is the other one's.
 * @throws CrucibleError `fenced`, `log_unavailable`: nobody can be worked for there now
 */
export const openWorkerSession = async (
  deps: WorkerDeps,
  store: ReadStore,
  leading: Leading,
): Promise<WorkerSession> => {
  const closers = createClosers(deps.logger);
  try {
    return { ...(await open(deps, store, leading, closers)), close: () => closers.closeAll() };
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
};

const open = async (
  deps: WorkerDeps,
  store: ReadStore,
  { url, epoch }: Leading,
  closers: Closers,
): Promise<Omit<WorkerSession, 'close'>> => {
  const leader = createLeaderClient({ url, key: deps.internalKey });
  closers.add(() => leader.close());
  const { upcast } = catalogue;
  const logger = deps.logger.child({ component: 'following' });
  const log = await openFollowedLog({ store, leader, epoch, clock, logger, upcast });
  closers.add(() => log.close());
  const ended = new AbortController();
  void log.over.then((error) => ended.abort(error));

  const { policies } = await openExecutors(
    deps,
    {
      log,
      targetOf: await followTargets(log, TARGETS),
      connections: leader.agents,
      matchedElsewhere: true,
    },
    closers,
  );
  const parts = { log, policies, buildEvent, lines: leader.drains, ended: ended.signal };
  // What holds something in memory listens by now; the claims of drains do from here on.
  const temporal = openActivities(deps, parts);
  closers.add(() => temporal.close());
  // Before the worker stops: what is open ends, and nothing more is begun.
  closers.add(() => leader.drains.stop());
  await log.begin();
  return { log, temporal, over: log.over };
};
