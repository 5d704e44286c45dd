import { mkdirSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createAttemptActivities } from '../../activities/attempt.ts';
import { createHookExecutor } from '../../activities/actions/index.ts';
import { createHookDirectory } from '../../hooks/directory/directory.ts';
import { HOOK_TABLE } from '../../hooks/registry/row.ts';
import { createHookService } from '../../hooks/registry/service.ts';
import { loadTargets as loadHookTargets } from '../../hooks/registry/target.ts';
import { createRouter } from '../../router/router.ts';
import { createAccess } from '../access/access.ts';
import { loadAdminKey, type AdminKey } from '../access/admin-key-file.ts';
import { createBus } from '../bus/bus.ts';
import type { Config } from '../config/config.ts';
import { createAttempts } from '../dispatch/attempts.ts';
import { createPolicies } from '../dispatch/policies.ts';
import { createTargetReactor } from '../dispatch/reactor.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE } from '../dispatch/run.ts';
import { createRunService } from '../dispatch/runs.ts';
import { createStarter } from '../dispatch/starter.ts';
import { createSweeper } from '../dispatch/sweeper.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import { createEgress } from '../egress/create.ts';
import { buildEvent as build } from '../events/build.ts';
import { catalogue } from '../events/catalogue.ts';
import { createHttpServer } from '../http/server.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import type { CrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Origin } from '../kernel/origin.ts';
import { createLog } from '../log/create-log.ts';
import { createEventService } from '../log/event-service.ts';
import { createSandbox } from '../sandbox/create.ts';
import { openSurrealStore } from '../surreal/surreal-store.ts';
import { openTemporal } from '../temporal/temporal.ts';
import { createDeliveryExecutor } from '../webhooks/delivery.ts';
import { WEBHOOK_TABLE } from '../webhooks/row.ts';
import { createSecretBox } from '../webhooks/secret-box.ts';
import { createWebhookService } from '../webhooks/service.ts';
import { loadTargets as loadWebhookTargets } from '../webhooks/targets.ts';
import { loadEncryptionKey } from './encryption-key.ts';
import { healthOf } from './health.ts';
import { pathsOf } from './paths.ts';
import { systemOrigin } from './system-origin.ts';
import { startTicker } from './ticker.ts';

const SWEEP_EVERY_MS = 1_000;
const HTTP_GRACE_MS = 10_000;
/** How long the door stays shut for Temporal's sake: the first runs are fast then. */
const TEMPORAL_PATIENCE_MS = 20_000;

export interface CrucibleDeps {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  /** `secrets.NAME` of templates. */
  readonly readSecret: (name: string) => string | undefined;
  /** Of which commands of hooks see a few variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The log cannot be trusted any more in this process: end it. */
  readonly onFatal: (error: CrucibleError) => void;
}

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
export const startCrucible = async (deps: CrucibleDeps): Promise<Crucible> => {
  const { config, logger, version } = deps;
  const closers: (() => Promise<unknown>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) {
      // One part that fails to close must not keep the others open.
      await close().catch((error: unknown) => logger.error({ err: error }, 'a part did not close'));
    }
  };

  try {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    const paths = pathsOf(config.dataDir);
    const adminKey = await loadAdminKey({ given: config.apiKey, path: paths.adminKey, random: randomBytes });
    const box = createSecretBox(loadEncryptionKey(config.encryptionKey, paths.encryptionKey));

    const store = await openSurrealStore({
      ...config.surreal,
      tables: [RUN_TABLE, ATTEMPT_TABLE, DEFINITION_TABLE, HOOK_TABLE, WEBHOOK_TABLE],
      holder: newId('srv'),
      logger: logger.child({ component: 'store' }),
    });
    closers.push(() => store.close());
    const reactor = createTargetReactor({ clock, newId });
    const log = await createLog({
      store,
      reactor,
      clock,
      logger: logger.child({ component: 'log' }),
      upcast: catalogue.upcast,
      onFatal: deps.onFatal,
    });
    closers.push(() => log.close());
    reactor.load([...(await loadHookTargets(log.records, { catalogue, logger })), ...(await loadWebhookTargets(log.records))]);

    const bus = createBus();
    log.onCommit(({ events }) => bus.publish(events));
    closers.push(async () => bus.close());

    const egress = createEgress({ policy: config.egress, logger: logger.child({ component: 'egress' }) });
    closers.push(() => egress.close());
    const sandbox = createSandbox({ logger: logger.child({ component: 'sandbox' }) });
    closers.push(() => sandbox.close());

    const hooksOrigin = (): Origin => systemOrigin('hooks', newId);
    const buildEvent: BuildEvent = (input, origin) =>
      build(input as Parameters<typeof build>[0], origin, { newId });
    const events = createEventService({ log, catalogue, newId });
    const hooks = createHookService({
      log,
      catalogue,
      sandbox,
      egress,
      clock,
      newId,
      systemOrigin: hooksOrigin,
      directory: config.hookDirs[0] ?? config.dataDir,
    });
    const webhooks = createWebhookService({ log, egress, box, newId, clock });
    const policies = createPolicies(log.records, {
      hook: createHookExecutor({
        egress,
        sandbox,
        readSecret: deps.readSecret,
        environment: deps.environment,
        hookDirs: config.hookDirs,
        emit: (input) => events.publish([input], {}),
        clock,
        version,
      }),
      webhook: createDeliveryExecutor({
        log,
        egress,
        box,
        newId,
        clock,
        version,
        logger: logger.child({ component: 'webhooks' }),
      }),
    });
    const runs = createRunService({ log, policies, clock });

    const temporal = openTemporal({
      address: config.temporal.address ?? `127.0.0.1:${config.temporal.port}`,
      namespace: config.temporal.namespace,
      activities: createAttemptActivities(
        createAttempts({
          log,
          policies,
          buildEvent,
          clock,
          random: Math.random,
          logger: logger.child({ component: 'attempts' }),
          sleep: (delayMs, signal) => delay(delayMs, undefined, { signal }),
        }),
      ),
      cacheDir: paths.temporal,
      clock,
      logger: logger.child({ component: 'temporal' }),
    });
    closers.push(() => temporal.close());

    const starter = createStarter({
      log,
      workflows: temporal.starter,
      policies,
      clock,
      logger: logger.child({ component: 'starter' }),
      after: (delayMs, work) => {
        const timer = setTimeout(work, delayMs);
        return () => clearTimeout(timer);
      },
    });
    log.onCommit(starter.committed);
    closers.push(() => starter.stop());
    // What an earlier process left pending; it waits in the lanes until Temporal is there.
    starter.catchUp();
    const sweeper = createSweeper({
      log,
      workflows: temporal.starter,
      enqueue: starter.enqueue,
      buildEvent,
      clock,
      logger: logger.child({ component: 'sweeper' }),
    });
    const ticker = startTicker('the sweeper', SWEEP_EVERY_MS, sweeper.tick, logger);
    closers.push(() => ticker.stop());

    const directory = createHookDirectory({
      dirs: config.hookDirs,
      hooks,
      systemOrigin: hooksOrigin,
      logger,
    });
    closers.push(() => directory.close());
    await directory.ready();
    await temporal.untilWorking(AbortSignal.timeout(TEMPORAL_PATIENCE_MS)).catch(() => {
      logger.warn({ problem: temporal.problem() }, 'starting without Temporal: writes are taken, runs wait for it');
    });

    const services = {
      events,
      hooks,
      webhooks,
      runs,
      eventTypes: () =>
        catalogue.list().map(({ type, version: of, description, example }) => ({
          type,
          version: of,
          description,
          schema: catalogue.jsonSchema(type) ?? {},
          example,
        })),
      version,
    };
    const http = createHttpServer({
      router: createRouter(services),
      services,
      access: createAccess({ adminKey: adminKey.key }),
      health: healthOf({ temporal, starter }),
      logger: logger.child({ component: 'http' }),
      version,
    });
    closers.push(() => http.close(HTTP_GRACE_MS));
    const { url } = await http.listen(config);
    await log.append({
      events: [
        buildEvent(
          { type: 'system.started', payload: { component: 'server', version } },
          systemOrigin('server', newId),
        ),
      ],
    });

    let closing: Promise<void> | undefined;
    const close = async (reason: string): Promise<void> => {
      http.drain();
      const goodbye = buildEvent(
        { type: 'system.shutdown', payload: { component: 'server', reason } },
        systemOrigin('server', newId),
      );
      // Told while the log still takes it; a log that cannot be written any more must not keep the process alive.
      await log
        .append({ events: [goodbye], ledger: true })
        .catch((error: unknown) => logger.warn({ err: error }, 'the shutdown could not be logged'));
      await closeAll();
    };
    return { url, adminKey, close: (reason) => (closing ??= close(reason)) };
  } catch (error) {
    await closeAll();
    throw error;
  }
};
