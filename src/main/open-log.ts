import { HOOK_TABLE } from '../../hooks/registry/row.ts';
import { loadTargets as loadHookTargets } from '../../hooks/registry/target.ts';
import { AGENT_TABLES } from '../agents/rows.ts';
import { loadTargets as loadAgentTargets } from '../agents/targets.ts';
import { KEY_TABLE } from '../access/key-row.ts';
import { createBus, type Bus } from '../bus/bus.ts';
import type { ModeOf } from '../dispatch/mode.ts';
import { createTargetReactor, type TargetReactor } from '../dispatch/reactor.ts';
import { LINE_KEY_TABLE, LINE_TABLE } from '../dispatch/line.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE } from '../dispatch/run.ts';
import { catalogue } from '../events/catalogue.ts';
import { FILES_TABLES } from '../files/row.ts';
import { GRAPH_TABLES } from '../graph/tables.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import { createLog } from '../log/create-log.ts';
import { CUSTOM_TYPE_TABLE } from '../log/custom-types.ts';
import type { Log } from '../log/log.ts';
import { SEMANTIC_TABLES } from '../memory/semantic-rows.ts';
import { MEMORY_TABLES } from '../memory/tables.ts';
import { openSurrealStore } from '../surreal/surreal-store.ts';
import { WEBHOOK_TABLE } from '../webhooks/row.ts';
import { loadTargets as loadWebhookTargets } from '../webhooks/targets.ts';
import { awaitLease } from './await-lease.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import { SETTINGS_TABLE } from './settings-change.ts';
import { impatient, type Turn } from './turn.ts';

const TABLES = [
  RUN_TABLE,
  ATTEMPT_TABLE,
  DEFINITION_TABLE,
  LINE_TABLE,
  LINE_KEY_TABLE,
  HOOK_TABLE,
  WEBHOOK_TABLE,
  KEY_TABLE,
  CUSTOM_TYPE_TABLE,
  ...AGENT_TABLES,
  ...GRAPH_TABLES,
  ...MEMORY_TABLES,
  ...SEMANTIC_TABLES,
  ...FILES_TABLES,
  SETTINGS_TABLE,
];

/** Says how new runs get to their workflow, from now on; before, each has one of its own. */
export type UseMode = (modeOf: ModeOf) => void;

/** The log on its store, with every registered target known to the matcher before the first append. */
export const openLog = async (
  {
    config,
    logger,
    onFatal,
    turn = impatient,
  }: Pick<CrucibleDeps, 'config' | 'logger' | 'onFatal'> & { readonly turn?: Turn },
  closers: Closers,
): Promise<{
  readonly log: Log;
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
  const log = await awaitLease(
    () => createLog({ store, reactor, clock, logger: logLogger, upcast: catalogue.upcast, onFatal }),
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
