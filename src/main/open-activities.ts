import { setTimeout as delay } from 'node:timers/promises';
import { createAttemptActivities } from '../../activities/attempt.ts';
import { createDrainActivities } from '../../activities/drain.ts';
import type { Activities } from '../../workflows/protocol.ts';
import { createAttempts } from '../dispatch/attempts.ts';
import { createClaims } from '../dispatch/claim.ts';
import type { DrainLines } from '../dispatch/drain-place.ts';
import { createDrainWork } from '../dispatch/drain-work.ts';
import type { LiveRuns } from '../dispatch/live-runs.ts';
import type { Policies } from '../dispatch/policies.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import type { Log } from '../log/log.ts';
import { openTemporal, type Temporal } from '../temporal/temporal.ts';
import type { CrucibleDeps } from './deps.ts';
import { pathsOf } from './paths.ts';

/** What a worker of Temporal does, in the process that writes and in any other. */
const activitiesOf = (
  { config, logger: root }: Pick<CrucibleDeps, 'config' | 'logger'>,
  parts: Executing,
): Activities => {
  const { log, live, policies, buildEvent, lines, ended } = parts;
  const logger = (component: string) => root.child({ component });
  const attempts = createAttempts({
    log,
    ...(live !== undefined && { live }),
    policies,
    buildEvent,
    clock,
    random: Math.random,
    logger: logger('attempts'),
    sleep: (delayMs, signal) => delay(delayMs, undefined, { signal }),
  });
  const work = createDrainWork({
    log,
    claims: createClaims({ log, clock, buildEvent }),
    lines,
    attempts,
    policies,
    buildEvent,
    clock,
    logger: logger('drains'),
    packMax: config.dispatchPackMax,
    every: (everyMs, beat) => {
      const timer = setInterval(beat, everyMs);
      return () => clearInterval(timer);
    },
  });
  const until = <A extends { readonly signal: AbortSignal }>(ask: A): A =>
    ended === undefined ? ask : { ...ask, signal: AbortSignal.any([ask.signal, ended]) };
  return {
    ...createAttemptActivities((ask) => attempts(until(ask))),
    ...createDrainActivities((ask) => work(until(ask))),
  };
};

interface Executing {
  readonly log: Log;
  /** Only of the process that writes. */
  readonly live?: LiveRuns;
  readonly policies: Policies;
  readonly buildEvent: BuildEvent;
  readonly lines: DrainLines;
  /** Aborts when nothing can be recorded by this process any more. */
  readonly ended?: AbortSignal;
}

/** A worker on the configured Temporal, with what starts workflows there. */
export const openActivities = (deps: Pick<CrucibleDeps, 'config' | 'logger'>, parts: Executing): Temporal => {
  const { config, logger } = deps;
  return openTemporal({
    address: config.temporal.address ?? `127.0.0.1:${config.temporal.port}`,
    namespace: config.temporal.namespace,
    activities: activitiesOf(deps, parts),
    cacheDir: pathsOf(config.dataDir).temporal,
    watchdog: config.workflowWatchdog,
    clock,
    logger: logger.child({ component: 'temporal' }),
  });
};
