import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createHookDirectory } from '../../hooks/directory/directory.ts';
import { loadAdminKey, type AdminKey } from '../access/admin-key-file.ts';
import { buildEvent } from '../dispatch/build-event.ts';
import { CrucibleError, isCrucibleError, messageOf } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { createConnectedAgents } from '../stream/connected-agents.ts';
import type { CrucibleDeps } from './deps.ts';
import { createClosers, type Closers } from './closers.ts';
import { makeDirectories } from './directories.ts';
import { followingTurn } from './following-turn.ts';
import { healthOf } from './health.ts';
import { internalOf, openLeaderDoor } from './leader-door.ts';
import { createMetrics, watchLeading, watchWorkflows } from './metrics.ts';
import { openAccess } from './open-access.ts';
import { openApi } from './open-api.ts';
import { openDispatch } from './open-dispatch.ts';
import { openLog } from './open-log.ts';
import { openServices } from './open-services.ts';
import { openState } from './open-state.ts';
import { openStream } from './open-stream.ts';
import { pathsOf } from './paths.ts';
import { tellSettingsChange } from './settings-change.ts';
import { systemOrigin } from './system-origin.ts';
import { turnOf } from './turn.ts';

const HTTP_GRACE_MS = 10_000;
/** How long the end waits, once the log has failed, for the refusals of what was under way to reach their callers. */
const LAST_ANSWERS_MS = 1_000;
/** How long one that waits for its turn may take to give it up. ms */
const GIVE_UP_MS = 10_000;
/** How long the door stays shut for Temporal's sake: the first runs are fast then. */
const TEMPORAL_PATIENCE_MS = 20_000;

export interface Crucible {
  readonly url: string;
  readonly adminKey: AdminKey;
  /** Finishes what is under way, tells the log, and lets go of everything. Repeated calls wait for the same end. */
  close(reason: string): Promise<void>;
}

/**
 * Composes everything and starts it. Order: what others stand on first; the door (HTTP) last, when everything behind it
 * works. Closing goes the other way.
 * @throws CrucibleError with what to mend: `data_dir_locked`, `store_too_new`, `port_in_use`, `config_invalid`, …
 */
export const startCrucible = async (given: CrucibleDeps): Promise<Crucible> => {
  const closers = createClosers(given.logger);
  const giveUp = new AbortController();
  const stop = AbortSignal.any([giveUp.signal, ...(given.stop === undefined ? [] : [given.stop])]);
  const deps = { ...given, stop };
  const started = Promise.withResolvers<Crucible>();
  /** It is a server already that answers, while another one writes. */
  let following = false;

  const lead = async (): Promise<Crucible | undefined> => {
    try {
      const crucible = await open(deps, closers, (url, adminKey) => {
        following = true;
        started.resolve({ url, adminKey, close });
      });
      started.resolve(crucible);
      return crucible;
    } catch (error) {
      await closers.closeAll();
      if (!following) started.reject(error);
      else if (!stop.aborted) given.onFatal(fatal(error));
      return undefined;
    }
  };
  const leading = lead();
  /** Of one that follows. What it waits for may be a database that is away. */
  const close = async (reason: string): Promise<void> => {
    giveUp.abort();
    const crucible = await Promise.race([leading, delay(GIVE_UP_MS, undefined, { ref: false })]);
    await crucible?.close(reason);
  };
  return started.promise;
};

const fatal = (error: unknown): CrucibleError =>
  isCrucibleError(error)
    ? error
    : new CrucibleError(
        'internal',
        `It was this server's turn to write, and it failed: ${messageOf(error)}`,
        {
          cause: error,
        },
      );

/** @param onFollowing called when this one answers requests while another one writes */
const open = async (
  deps: CrucibleDeps,
  closers: Closers,
  onFollowing: (url: string, adminKey: AdminKey) => void,
): Promise<Crucible> => {
  const { config, logger, version } = deps;
  makeDirectories(config);
  const adminKey = await loadAdminKey({
    given: config.apiKey,
    path: pathsOf(config.dataDir).adminKey,
    random: randomBytes,
  });
  let lastAnswers = (): Promise<void> => Promise.resolve();
  const endBecause = async (error: CrucibleError): Promise<void> => {
    try {
      await lastAnswers();
    } catch (cause) {
      logger.warn({ err: cause }, 'some requests were not answered any more');
    }
    deps.onFatal(error);
  };
  const internal = internalOf(deps);
  const door = internal === undefined ? undefined : await openLeaderDoor(internal, logger, closers);
  const { targets, useMode, ...opened } = await openLog(
    {
      config,
      logger,
      url: door?.url,
      turnFor: (store) =>
        internal === undefined || !config.standby
          ? turnOf(deps, closers)
          : followingTurn({ ...deps, adminKey: adminKey.key, internalKey: internal.key, buildEvent }, store, {
              closers,
              onFollowing: (url) => onFollowing(url, adminKey),
            }),
      onFatal: (error) => void endBecause(error),
    },
    closers,
  );
  const metrics = createMetrics(version);
  watchLeading(metrics, true);
  const log = metrics.observed(opened.log);
  const agents = createConnectedAgents();
  const { policies, egress, ...services } = await openServices(
    deps,
    { log, writer: openState(log), targets, buildEvent, connections: agents },
    closers,
  );
  await services.memory.start();
  const { temporal, starter, lines } = openDispatch(deps, { log, policies, buildEvent, useMode }, closers);
  watchWorkflows(metrics, { temporal, starter });

  const directory = createHookDirectory({
    dirs: config.hookDirs,
    hooks: services.hooks,
    systemOrigin: () => systemOrigin('hooks', newId),
    logger,
  });
  closers.add(() => directory.close());
  await directory.ready();
  await temporal.untilWorking(AbortSignal.timeout(TEMPORAL_PATIENCE_MS)).catch(() => {
    logger.warn(
      { problem: temporal.problem() },
      'starting without Temporal: writes are taken, runs wait for it',
    );
  });

  const { access, keys } = await openAccess(
    { adminKey: adminKey.key, jwt: config.jwt, log, egress, logger, lapsed: log.lapsed },
    closers,
  );
  const { corsOrigins: origins } = config.httpAccess;
  const stream = await openStream({ log, access, agents, origins, logger });
  const http = openApi(deps, {
    services,
    keys,
    stream,
    metrics,
    access,
    health: healthOf({ log, temporal, starter }),
  });
  closers.add(() => http.close(HTTP_GRACE_MS));
  closers.add(() => stream.close());
  lastAnswers = () => http.close(LAST_ANSWERS_MS);
  door?.open({
    log: opened.log,
    append: log.append,
    drains: lines,
    agents,
    http,
    upgrade: (req, socket, head) => stream.server.take(req, socket, head),
    watch: metrics.watch,
  });
  const { url } = await http.listen(config);
  const tell = async (
    type: string,
    payload: { readonly reason?: string; readonly version?: string },
  ): Promise<void> => {
    const event = buildEvent(
      { type, payload: { component: 'server', ...payload } },
      systemOrigin('server', newId),
    );
    await log.append({ events: [event], ledger: true });
  };
  await tell('system.started', { version });
  await tellSettingsChange({ log, settings: config.settings, buildEvent });
  // What is in watched directories is taken over while requests are answered already.
  void services.files.start();

  const close = async (reason: string): Promise<void> => {
    http.drain();
    // A log that cannot be written any more must not keep the process alive.
    await tell('system.shutdown', { reason }).catch((error: unknown) =>
      logger.warn({ err: error }, 'the shutdown could not be logged'),
    );
    await closers.closeAll();
  };
  let closing: Promise<void> | undefined;
  return { url, adminKey, close: (reason) => (closing ??= close(reason)) };
};
