import { loadTargets as loadHookTargets } from '../../hooks/registry/target.ts';
import { loadTargets as loadAgentTargets } from '../agents/targets.ts';
import { createBus, type Bus } from '../bus/bus.ts';
import type { ModeOf } from '../dispatch/mode.ts';
import { createTargetReactor, type TargetReactor } from '../dispatch/reactor.ts';
import { catalogue } from '../events/catalogue.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import { createLog, type LeadingLog } from '../log/create-log.ts';
import type { LogStore } from '../log/store.ts';
import { openSurrealStore } from '../surreal/surreal-store.ts';
import { loadTargets as loadWebhookTargets } from '../webhooks/targets.ts';
import { awaitLease } from './await-lease.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import { TABLES } from './tables.ts';
import { impatient, type Turn } from './turn.ts';

/** Says how new runs get to their workflow, from now on; before, each has one of its own. */
export type UseMode = (modeOf: ModeOf) => void;

/** The log on its store, with every registered target known to the matcher before the first append. */
export const openLog = async (
  {
    config,
    logger,
    onFatal,
    url,
    turnFor = () => impatient,
  }: Pick<CrucibleDeps, 'config' | 'logger' | 'onFatal'> & {
    /** Where followers reach this process; undefined: nowhere. */
    readonly url?: string | undefined;
    readonly turnFor?: (store: Pick<LogStore, 'leader'>) => Turn;
  },
  closers: Closers,
): Promise<{
  readonly log: LeadingLog;
  readonly bus: Bus;
  readonly targets: TargetReactor['targets'];
  readonly useMode: UseMode;
}> => {
  const store = await openSurrealStore({
    ...config.surreal,
    tables: TABLES,
    holder: newId('srv'),
    logger: logger.child({ component: 'store' }),
  });
  closers.add(() => store.close());
  let modeOf: ModeOf = () => 'direct';
  const reactor = createTargetReactor({ clock, newId, modeOf: (...asked) => modeOf(...asked) });
  const logLogger = logger.child({ component: 'log' });
  const turn = turnFor(store);
  const { upcast } = catalogue;
  const told = url === undefined ? {} : { url };
  const log = await awaitLease(
    () => createLog({ store, reactor, clock, logger: logLogger, upcast, onFatal, ...told }),
    { ...turn, logger: logLogger },
  );
  await turn.come?.();
  closers.add(() => log.close());
  reactor.load([
    ...(await loadHookTargets(log.records, { catalogue, logger })),
    ...(await loadWebhookTargets(log.records)),
    ...(await loadAgentTargets(log.records)),
  ]);
  const bus = createBus();
  log.onCommit(({ events }) => bus.publish(events));
  closers.add(() => bus.close());
  return {
    log,
    bus,
    targets: reactor.targets,
    useMode: (decided) => {
      modeOf = decided;
    },
  };
};
