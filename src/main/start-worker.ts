import { setTimeout as delay } from 'node:timers/promises';
import { hashKey, sameHash } from '../access/key-format.ts';
import type { Config } from '../config/config.ts';
import type { ComponentState } from '../http/health.ts';
import { createHttpMetrics } from '../http/metrics.ts';
import { createSmallDoor, type SmallDoorDeps } from '../http/small-door.ts';
import { CrucibleError, messageOf } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { ReadStore } from '../log/store.ts';
import { openFollowedStore } from '../surreal/surreal-store.ts';
import { createClosers, type Closers } from './closers.ts';
import { makeDirectories } from './directories.ts';
import { createMetrics, watchLeading, watchTemporal, type Metrics } from './metrics.ts';
import { openWorkerSession, type Leading, type WorkerDeps, type WorkerSession } from './open-worker.ts';
import { needsMending } from './program.ts';
import { TABLES } from './tables.ts';
import { assertWorkerConfig } from './worker-config.ts';

/** How often it is looked for a server that writes. ms */
const LOOK_MS = 500;

/**
 * A worker of its own: executes runs for the server that writes, whichever that is.
 *
 *     waiting --a server writes, and can be followed--> working --it is gone--> waiting
 *     waiting, working --close--> closed
 *     waiting --something only a person can mend--> failed
 */
export interface RunningWorker {
  /** Of its health and figures. */
  readonly url: string;
  /** Resolves when it works for the first time. */
  readonly working: Promise<void>;
  /** Rejects when it can never work as it is configured. */
  readonly failed: Promise<never>;
  /** Begins nothing more, lets what is under way end within the grace time. Repeated calls wait for the same end. */
  close(): Promise<void>;
}

/** @throws CrucibleError `config_invalid`, `port_in_use` */
export const startWorker = async (deps: Omit<WorkerDeps, 'internalKey'>): Promise<RunningWorker> => {
  const internalKey = assertWorkerConfig(deps.config);
  const closers = createClosers(deps.logger);
  try {
    return await start({ ...deps, internalKey }, closers);
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
};

const start = async (deps: WorkerDeps, closers: Closers): Promise<RunningWorker> => {
  const { config, version } = deps;
  const logger = deps.logger.child({ component: 'worker' });
  makeDirectories(config);
  const stopped = new AbortController();
  const working = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  let session: WorkerSession | undefined;
  let waitsFor = 'it has just started';

  /** Told once, however long it is so. */
  const wait = (reason: string): void => {
    if (reason !== waitsFor) logger.warn({ reason }, 'no runs are executed here at the moment');
    waitsFor = reason;
  };

  const metrics = createMetrics(version);
  watchWorker(metrics, () => session);
  const door = createSmallDoor({
    version,
    newId,
    health: { components: () => componentsOf(session, waitsFor) },
    refusal: () =>
      new CrucibleError('not_found', 'This is a worker: it answers /healthz, /readyz and /metrics', {
        hint: 'The API is at the servers.',
      }),
    ...metricsOf(config, metrics),
    isDraining: () => stopped.signal.aborted,
  });
  const { url } = await door.listen(config);
  closers.add(() => door.close());

  let store: ReadStore | undefined;
  closers.add(() => store?.close());

  /** @returns undefined: it is asked to stop, which does not wait for a database that is away */
  const openStore = async (): Promise<ReadStore | undefined> => {
    const opening = openFollowedStore({
      ...config.surreal,
      tables: TABLES,
      logger: deps.logger.child({ component: 'store' }),
    });
    const opened = await Promise.race([opening, aborted(stopped.signal)]);
    if (opened === undefined) {
      void opening.then(
        (late) => late.close(),
        () => undefined,
      );
    }
    return opened;
  };

  /** @returns undefined: nobody can be worked for */
  const look = async (): Promise<Leading | undefined> => {
    store ??= await openStore();
    if (store === undefined) return undefined;
    const record = await store.leader();
    if (record === undefined || record.leaseMs <= 0) wait('no server writes to the database');
    else if (record.url === null) wait('the server that writes has no CRUCIBLE_INTERNAL_KEY');
    else return { url: record.url, epoch: record.epoch };
    return undefined;
  };

  const workOnce = async (): Promise<void> => {
    const leading = await look();
    if (leading === undefined || store === undefined || stopped.signal.aborted) return;
    const opened = await openWorkerSession(deps, store, leading);
    session = opened;
    logger.info({ ...leading }, 'working for the server that writes');
    opened.temporal.untilWorking(stopped.signal).then(working.resolve, () => undefined);
    try {
      const reason = await Promise.race([opened.over, aborted(stopped.signal)]);
      if (reason !== undefined) wait(reason.message);
    } finally {
      await opened.close();
      session = undefined;
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        await workOnce();
      } catch (error) {
        if (needsMending(error)) {
          failed.reject(error);
          return;
        }
        wait(messageOf(error));
      }
      await delay(LOOK_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const ended = loop();

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    stopped.abort();
    await ended;
    await closers.closeAll();
  };
  return { url, working: working.promise, failed: failed.promise, close: () => (closing ??= close()) };
};

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });

/** It is ready while runs are executed here and can be recorded. */
const componentsOf = (session: WorkerSession | undefined, waitsFor: string): readonly ComponentState[] => {
  if (session === undefined) return [{ name: 'leader', state: 'starting', detail: waitsFor }];
  const logProblem = session.log.problem();
  const { temporal } = session;
  return [
    logProblem === undefined
      ? { name: 'leader', state: 'ready' }
      : { name: 'leader', state: 'failed', detail: logProblem },
    temporal.state() === 'working' && temporal.problem() === undefined
      ? { name: 'temporal', state: 'ready' }
      : { name: 'temporal', state: 'failed', detail: temporal.problem() ?? temporal.state() },
  ];
};

const watchWorker = (metrics: Metrics, session: () => WorkerSession | undefined): void => {
  watchLeading(metrics, false);
  metrics.watch(
    'crucible_commits_applied',
    'The last commit of the server that writes that this one has seen.',
    () => session()?.log.applied() ?? 0,
  );
  watchTemporal(metrics, {
    state: () => session()?.temporal.state() ?? 'waiting',
    inFlight: () => session()?.temporal.inFlight() ?? { workflowTasks: 0, activities: 0 },
  });
};

/** A worker knows no keys of callers: where figures are for those only, the configured admin key opens them. */
const metricsOf = ({ metrics: access, apiKey }: Config, metrics: Metrics): Pick<SmallDoorDeps, 'metrics'> => {
  if (access === 'off') return {};
  const expected = apiKey === undefined ? undefined : hashKey(apiKey);
  return {
    metrics: {
      answer: createHttpMetrics(metrics.registry).answer,
      assertMayRead: ({ headers }) => {
        const [, given = ''] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? [];
        if (access === 'open' || (expected !== undefined && sameHash(hashKey(given), expected))) return;
        throw new CrucibleError('unauthenticated', 'The figures of this worker need CRUCIBLE_API_KEY', {
          hint: 'Send it as Authorization: Bearer, or set CRUCIBLE_METRICS=open where only you can reach it.',
        });
      },
    },
  };
};
