/*
 * Queries over a log of 100,000 events and one of 2,000,000: by type, actor, correlation and time, a page of 50 each, the
 * frequent and the rare ones. `node bench/queries.ts [events of the large log]`; results in `bench/results/queries.json`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewEvent } from '../src/events/envelope.ts';
import { newId } from '../src/kernel/ids.ts';
import { silentLogger as logger } from '../src/kernel/logger.ts';
import { createLog, idleReactor } from '../src/log/create-log.ts';
import type { EventQuery, Log } from '../src/log/log.ts';
import { openSurrealStore } from '../src/surreal/surreal-store.ts';
import { compare, percentile, report, type Comparison } from './support/compare.ts';

const SMALL = 100_000;
const LARGE = Number(process.argv[2] ?? 2_000_000);
const EVENTS_A_CALL = 100;
const CALLERS = 10;
const QUERIES_A_ROUND = 30;
const LIMIT = 50;
/** One event a hundred milliseconds. */
const MS_AN_EVENT = 100;
const STARTED_AT = Date.UTC(2026, 0, 1);

const TYPES = ['custom.note.imported', 'custom.note.tagged', 'memory.created', 'memory.accessed'] as const;
/** Of 2,000 events, one is rare; of these there are twenty kinds. */
const RARE_EVERY = 2_000;
const RARE_KINDS = 20;
const ACTORS = 50;
const EVENTS_A_STORY = 10;

const makeEvent = (n: number): NewEvent => {
  const rare = n % RARE_EVERY === 0 ? Math.floor(n / RARE_EVERY) % RARE_KINDS : undefined;
  return {
    id: newId('evt'),
    type: rare === undefined ? (TYPES[n % TYPES.length] ?? '') : `custom.rare.t${rare}`,
    version: '1.0.0',
    source: { kind: 'user', user_id: `u${n % ACTORS}` },
    actor: rare === undefined ? `user:u${n % ACTORS}` : `user:rare-${rare}`,
    subject: `msg_${n % 5_000}`,
    correlation_id: `cor_${Math.floor(n / EVENTS_A_STORY)}`,
    causation_id: null,
    depth: 0,
    world: 'default',
    room: null,
    payload: { title: `Note ${n}`, tags: ['#ai', '#research'], content: 'Lorem ipsum dolor sit amet' },
  };
};

/** A log of so many events, which came over so many tenths of a second. */
const buildLog = async (directory: string, events: number) => {
  let made = 0;
  const store = await openSurrealStore({
    url: `rocksdb://${directory}?sync=every`,
    user: undefined,
    pass: undefined,
    namespace: 'bench',
    database: 'bench',
    tables: [],
    holder: 'bench',
    logger,
  });
  const clock = { now: () => STARTED_AT + made * MS_AN_EVENT };
  const log = await createLog({ store, reactor: idleReactor, clock, logger });
  const began = performance.now();
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (made < events) {
        const batch = Array.from({ length: EVENTS_A_CALL }, (_, n) => makeEvent(made + n));
        made += batch.length;
        await log.append({ events: batch });
      }
    }),
  );
  return { log, seconds: (performance.now() - began) / 1_000 };
};

/** The same sequence in every run. From 0 to 1. */
const sequence = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

/** What is asked of a log of so many events; `random` from 0 to 1. */
const QUERIES: Readonly<Record<string, (random: number, events: number) => EventQuery>> = {
  'a frequent type, newest first': (random) => ({
    types: [TYPES[Math.floor(random * TYPES.length)] ?? ''],
    order: 'desc',
  }),
  'a frequent type, from a place in the middle': (random, events) => ({
    types: [TYPES[Math.floor(random * TYPES.length)] ?? ''],
    after: Math.floor(random * (events - 10_000)),
  }),
  'a rare type, newest first, the first event': (random) => ({
    types: [`custom.rare.t${Math.floor(random * RARE_KINDS)}`],
    order: 'desc',
    limit: 1,
  }),
  'a frequent actor, newest first': (random) => ({
    actor: `user:u${Math.floor(random * ACTORS)}`,
    order: 'desc',
  }),
  'a rare actor, newest first, the first event': (random) => ({
    actor: `user:rare-${Math.floor(random * RARE_KINDS)}`,
    order: 'desc',
    limit: 1,
  }),
  'a story, anywhere in the log': (random, events) => ({
    correlation_id: `cor_${Math.floor((random * events) / EVENTS_A_STORY)}`,
    limit: EVENTS_A_STORY,
  }),
  'from a time on': (random, events) => ({
    from_time: STARTED_AT + Math.floor(random * (events - 10_000)) * MS_AN_EVENT,
  }),
  'a type within an hour': (random, events) => {
    const from = STARTED_AT + Math.floor(random * (events - 40_000)) * MS_AN_EVENT;
    return { types: [TYPES[0]], from_time: from, to_time: from + 3_600_000 };
  },
};

/** @returns p50 of the queries, ms */
const ask = async (log: Log, events: number, make: (typeof QUERIES)[string]): Promise<number> => {
  const random = sequence(7);
  const taken: number[] = [];
  for (let n = 0; n < QUERIES_A_ROUND; n += 1) {
    const query = { limit: LIMIT, ...make(random(), events) };
    const start = performance.now();
    const { data } = await log.query(query);
    taken.push(performance.now() - start);
    if (data.length !== query.limit)
      throw new Error(`${JSON.stringify(query)} found ${data.length} of ${query.limit} events`);
  }
  return percentile(taken, 0.5);
};

const nameOf = (events: number): string => `${events.toLocaleString('en')} events`;

const dataDir = await mkdtemp(join(tmpdir(), 'crucible-bench-'));
try {
  const small = await buildLog(join(dataDir, 'small'), SMALL);
  const large = await buildLog(join(dataDir, 'large'), LARGE);
  console.log(`${nameOf(LARGE)} were appended in ${large.seconds.toFixed(0)} s`);
  const comparisons: Comparison[] = [];
  for (const [figure, make] of Object.entries(QUERIES)) {
    comparisons.push(
      await compare({
        figure,
        unit: 'ms',
        contenders: [
          { name: nameOf(LARGE), round: () => ask(large.log, LARGE, make) },
          { name: nameOf(SMALL), round: () => ask(small.log, SMALL, make) },
        ],
      }),
    );
  }
  report('queries', {
    settings: {
      limit: LIMIT,
      queries_a_round: QUERIES_A_ROUND,
      build_s: { small: small.seconds, large: large.seconds },
      storage: 'rocksdb, sync=every',
    },
    comparisons,
    targets: comparisons.map(({ figure, medians }) => {
      const ratio = (medians[nameOf(LARGE)] ?? Number.NaN) / (medians[nameOf(SMALL)] ?? Number.NaN);
      return {
        target: `${figure}: p50 at ${nameOf(LARGE)} <= 1.5 of ${nameOf(SMALL)}`,
        value: ratio,
        met: ratio <= 1.5,
      };
    }),
    packages: ['surrealdb', '@surrealdb/node', 'cbor-x'],
  });
  await small.log.close();
  await large.log.close();
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
// The embedded engine keeps the process alive after it was closed.
process.exit(0);
