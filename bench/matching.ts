/*
 * What a thousand hooks cost: append in process with 1,000 targets, each with an equality condition that the events do not
 * meet, over 100 event types and all on one, against append with none. `node bench/matching.ts`; results in
 * `bench/results/matching.json`.
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

const typeOf = (n: number, types: number): string => `custom.bench.t${n % types}`;

const target = (n: number, types: number): Target => ({
  id: `hook:bench-${n}`,
  kind: 'hook',
  worlds: ['default'],
  filters: compileFilters([{ event_type: typeOf(n, types), filter: { 'metadata.owner': `owner-${n}` } }]),
  enabled: true,
  paused: false,
  definition: 'bench',
});

let made = 0;
const makeEvent = (types: number): NewEvent => {
  made += 1;
  return {
    id: newId('evt'),
    type: typeOf(made, types),
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
const openContender = async (dataDir: string, name: string, targets: readonly Target[], types: number) => {
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
      Array.from({ length: EVENTS_A_CALL }, () => makeEvent(types)),
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

const WITHOUT = 'no hooks';

/** A thousand hooks over so many types, against none, on the same events. */
const compareOver = async (dataDir: string, types: number) => {
  const over = types === 1 ? 'all on one type' : `over ${types} types`;
  const name = `1,000 hooks ${over}`;
  const targets = Array.from({ length: TARGETS }, (_, n) => target(n, types));
  const comparison = await compare({
    figure: `append, ${name}`,
    unit: 'events/s',
    contenders: [
      { name, round: await openContender(dataDir, `with-${types}`, targets, types) },
      { name: WITHOUT, round: await openContender(dataDir, `without-${types}`, [], types) },
    ],
  });
  const ratio = (comparison.medians[name] ?? Number.NaN) / (comparison.medians[WITHOUT] ?? Number.NaN);
  const verdict = {
    target: `append with 1,000 hooks ${over} >= 0.8 of append with none`,
    value: ratio,
    met: ratio >= 0.8,
  };
  return { comparison, verdict };
};

const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
try {
  const compared = [await compareOver(dataDir, TYPES), await compareOver(dataDir, 1)];
  report('matching', {
    settings: {
      targets: TARGETS,
      types: [TYPES, 1],
      callers: CALLERS,
      events_a_call: EVENTS_A_CALL,
      events_a_round: EVENTS_A_ROUND,
      storage: 'rocksdb, sync=every',
    },
    comparisons: compared.map(({ comparison }) => comparison),
    targets: compared.map(({ verdict }) => verdict),
    packages: ['surrealdb', '@surrealdb/node'],
  });
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
process.exit(0);
