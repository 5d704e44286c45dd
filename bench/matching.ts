/*
 * What a thousand hooks cost: append in process with 1,000 targets over 100 event types, each with a condition that the
 * events do not meet, against append with none. `node bench/matching.ts`; results in `bench/results/matching.json`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTargetReactor } from '../src/dispatch/reactor.ts';
import { RUN_TABLE } from '../src/dispatch/run.ts';
import type { Target } from '../src/dispatch/target.ts';
import type { NewEvent } from '../src/events/envelope.ts';
import { compileFilters } from '../src/events/filters/index.ts';
import { systemClock as clock } from '../src/kernel/clock.ts';
import { newId } from '../src/kernel/ids.ts';
import { silentLogger as logger } from '../src/kernel/logger.ts';
import { createLog } from '../src/log/create-log.ts';
import { openSurrealStore } from '../src/surreal/surreal-store.ts';
import { compare, report } from './support/compare.ts';

const TYPES = 100;
const TARGETS = 1_000;
const CALLERS = 16;
const EVENTS_A_CALL = 100;
const EVENTS_A_ROUND = 32_000;

const target = (n: number): Target => ({
  id: `hook:bench-${n}`,
  kind: 'hook',
  worlds: ['default'],
  filters: compileFilters([
    { event_type: `custom.bench.t${n % TYPES}`, filter: { 'metadata.owner': `owner-${n}` } },
  ]),
  enabled: true,
  paused: false,
  definition: 'bench',
});

let made = 0;
const makeEvent = (): NewEvent => {
  made += 1;
  return {
    id: newId('evt'),
    type: `custom.bench.t${made % TYPES}`,
    version: '1.0.0',
    source: { kind: 'user', user_id: 'bench' },
    actor: 'user:bench',
    subject: null,
    correlation_id: `cor_${Math.floor(made / 10)}`,
    causation_id: null,
    depth: 0,
    world: 'default',
    room: null,
    payload: { title: `Note ${made}`, metadata: { owner: 'nobody' }, content: 'Lorem ipsum dolor sit amet' },
  };
};

/** A log of its own, and how fast it takes events. */
const openContender = async (dataDir: string, name: string, targets: readonly Target[]) => {
  const store = await openSurrealStore({
    url: `rocksdb://${join(dataDir, name)}?sync=every`,
    user: undefined,
    pass: undefined,
    namespace: 'bench',
    database: 'bench',
    tables: [RUN_TABLE],
    holder: 'bench',
    logger,
  });
  const reactor = createTargetReactor({ clock, newId });
  reactor.load(targets);
  const log = await createLog({ store, reactor, clock, logger });
  return async (): Promise<number> => {
    const calls = Array.from({ length: EVENTS_A_ROUND / EVENTS_A_CALL }, () =>
      Array.from({ length: EVENTS_A_CALL }, makeEvent),
    );
    const start = performance.now();
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        for (let events = calls.pop(); events !== undefined; events = calls.pop())
          await log.append({ events });
      }),
    );
    return (EVENTS_A_ROUND * 1_000) / (performance.now() - start);
  };
};

const WITH = '1,000 hooks over 100 types';
const WITHOUT = 'no hooks';

const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
try {
  const comparison = await compare({
    figure: 'append',
    unit: 'events/s',
    contenders: [
      {
        name: WITH,
        round: await openContender(
          dataDir,
          'with',
          Array.from({ length: TARGETS }, (_, n) => target(n)),
        ),
      },
      { name: WITHOUT, round: await openContender(dataDir, 'without', []) },
    ],
  });
  const ratio = (comparison.medians[WITH] ?? Number.NaN) / (comparison.medians[WITHOUT] ?? Number.NaN);
  report('matching', {
    settings: {
      targets: TARGETS,
      types: TYPES,
      callers: CALLERS,
      events_a_call: EVENTS_A_CALL,
      storage: 'rocksdb, sync=every',
    },
    comparisons: [comparison],
    targets: [
      { target: 'append with 1,000 hooks >= 0.8 of append with none', value: ratio, met: ratio >= 0.8 },
    ],
    packages: ['surrealdb', '@surrealdb/node'],
  });
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
process.exit(0);
