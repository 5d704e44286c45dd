import { createDrainLines } from '../dispatch/drain-lines.ts';
import type { DrainLines } from '../dispatch/drain-place.ts';
import { createDrains } from '../dispatch/drains.ts';
import { createLiveRuns } from '../dispatch/live-runs.ts';
import { createModeOf } from '../dispatch/mode.ts';
import type { Policies } from '../dispatch/policies.ts';
import { createStarter, type Starter } from '../dispatch/starter.ts';
import { createSweeper } from '../dispatch/sweeper.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import type { Log } from '../log/log.ts';
import type { Temporal } from '../temporal/temporal.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import { openActivities } from './open-activities.ts';
import type { UseMode } from './open-log.ts';
import { startTicker } from './ticker.ts';

const SWEEP_EVERY_MS = 1_000;
const HEAL_EVERY_MS = 5_000;

const after = (delayMs: number, work: () => void): (() => void) => {
  const timer = setTimeout(work, delayMs);
  return () => clearTimeout(timer);
};

/** The worker that executes runs, the starter that starts them and the sweeper that heals what was left behind. */
export const openDispatch = (
  { config, logger: root }: Pick<CrucibleDeps, 'config' | 'logger'>,
  {
    log,
    policies,
    buildEvent,
    useMode,
  }: {
    readonly log: Log;
    readonly policies: Policies;
    readonly buildEvent: BuildEvent;
    readonly useMode: UseMode;
  },
  closers: Closers,
): {
  readonly temporal: Temporal;
  readonly starter: Starter;
  /** For workers elsewhere. */
  readonly lines: DrainLines;
} => {
  const logger = (component: string) => root.child({ component });
  const live = createLiveRuns();
  log.onCommit(live.committed);
  const drains = createDrains({
    log,
    poker: { poke: (target) => temporal.starter.poke(target) },
    clock,
    logger: logger('drains'),
    after,
  });
  const lines = createDrainLines({
    drains,
    starter: { waitsBefore: (...asked) => starter.waitsBefore(...asked) },
  });
  const temporal = openActivities({ config, logger: root }, { log, live, policies, buildEvent, lines });
  closers.add(() => temporal.close());

  const starter = createStarter({
    log,
    workflows: temporal.starter,
    policies,
    buildEvent,
    clock,
    logger: logger('starter'),
    after,
    onStarted: drains.nudge,
  });
  log.onCommit(starter.committed);
  closers.add(() => starter.stop());
  // What an earlier process left pending; it waits in the lanes until Temporal is there.
  starter.catchUp();

  log.onCommit(drains.committed);
  useMode(createModeOf({ starter, drains, packMax: config.dispatchPackMax }));
  // Before the worker stops: drains claim no more then, and end what they have open.
  closers.add(() => drains.stop());
  drains.start();
  const healer = startTicker('the healing of drains', HEAL_EVERY_MS, drains.heal, logger('drains'));
  closers.add(() => healer.stop());

  const sweeper = createSweeper({
    log,
    workflows: temporal.starter,
    starter,
    buildEvent,
    clock,
    logger: logger('sweeper'),
  });
  const ticker = startTicker('the sweeper', SWEEP_EVERY_MS, sweeper.tick, logger('sweeper'));
  closers.add(() => ticker.stop());
  return { temporal, starter, lines };
};
