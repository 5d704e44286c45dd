/*
 * Append through the log in process, synced, all indexes, against plain INSERTs of one row an event with four compound
 * indexes, on the same embedded engine in the same run. `node bench/append.ts`; results in `bench/results/append.json`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordId, type SurrealSession } from 'surrealdb';
import type { NewEvent } from '../src/events/envelope.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { newId } from '../src/kernel/ids.ts';
import { silentLogger } from '../src/kernel/logger.ts';
import { createLog, idleReactor } from '../src/log/create-log.ts';
import type { Log } from '../src/log/log.ts';
import { connect } from '../src/surreal/engine.ts';
import { createSurrealStore } from '../src/surreal/surreal-store.ts';
import { compare, percentile, report, type Comparison } from './support/compare.ts';

const EVENTS_A_CALL = 100;
const CALLERS = 16;
const EVENTS_A_ROUND = 48_000;
const SINGLES_A_ROUND = 400;

const TYPES = [
  'custom.note.imported',
  'custom.note.tagged',
  'memory.created',
  'memory.accessed',
  'agent.tool_used',
];
let made = 0;

/** About 350 bytes as JSON, with as many different terms as real events have. */
const makeEvent = (): NewEvent => {
  made += 1;
  return {
    id: newId('evt'),
    type: TYPES[made % TYPES.length] ?? '',
    version: '1.0.0',
    source: { kind: 'user', user_id: `user-${made % 50}` },
    actor: `user:user-${made % 50}`,
    subject: `msg_${made % 5_000}`,
    correlation_id: `cor_${Math.floor(made / 10)}`,
    causation_id: null,
    depth: 0,
    world: 'default',
    room: null,
    payload: { title: `Note ${made}`, tags: ['#ai', '#research'], content: 'Lorem ipsum dolor sit amet' },
  };
};
const makeEvents = (count: number): NewEvent[] => Array.from({ length: count }, makeEvent);

const defineBaseline = (db: SurrealSession): Promise<unknown> =>
  db.query(`
    DEFINE TABLE event SCHEMALESS;
    DEFINE INDEX event_type ON event FIELDS type, position;
    DEFINE INDEX event_actor ON event FIELDS actor, position;
    DEFINE INDEX event_subject ON event FIELDS subject, position;
    DEFINE INDEX event_correlation ON event FIELDS correlation_id, position;
  `);

let position = 0;
/** What storing events plainly means: they are numbered outside of the database, and nothing is checked. */
const insertRows = async (db: SurrealSession, events: readonly NewEvent[]): Promise<void> => {
  const timestamp = new Date().toISOString();
  const rows = events.map((event) => {
    position += 1;
    return Object.assign({}, event, { id: new RecordId('event', event.id), position, timestamp });
  });
  await db.query('INSERT INTO event $rows RETURN NONE', { rows });
};

/** Events a second when so many callers each send so many events at a time. */
const throughput = async (
  callers: number,
  size: number,
  send: (events: NewEvent[]) => Promise<unknown>,
): Promise<number> => {
  // Made beforehand: making them is not what is measured.
  const calls = Array.from({ length: Math.ceil(EVENTS_A_ROUND / size) }, () => makeEvents(size));
  const count = calls.length * size;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let call = calls.pop(); call !== undefined; call = calls.pop()) await send(call);
    }),
  );
  return (count * 1_000) / (performance.now() - start);
};

/** Milliseconds that a single event takes: this share of them take no longer. */
const latency = async (share: number, send: (events: NewEvent[]) => Promise<unknown>): Promise<number> => {
  const taken: number[] = [];
  for (let i = 0; i < SINGLES_A_ROUND; i += 1) {
    const event = makeEvents(1);
    const start = performance.now();
    await send(event);
    taken.push(performance.now() - start);
  }
  return percentile(taken, share);
};

const LOG = 'append through the log';
const PLAIN = 'plain INSERT, the same callers';
const PLAIN_LARGE = 'plain INSERT, one caller, 1,000 rows at a time';
const SINGLE_PLAIN = 'plain INSERT of one row';

const measure = async (
  log: Log,
  db: SurrealSession,
): Promise<readonly [Comparison, Comparison, Comparison]> => {
  const append = (events: NewEvent[]): Promise<unknown> => log.append({ events });
  const insert = (events: NewEvent[]): Promise<unknown> => insertRows(db, events);
  const throughputs = await compare({
    figure: 'append throughput',
    unit: 'events/s',
    contenders: [
      { name: LOG, round: () => throughput(CALLERS, EVENTS_A_CALL, append) },
      { name: PLAIN, round: () => throughput(CALLERS, EVENTS_A_CALL, insert) },
      { name: PLAIN_LARGE, round: () => throughput(1, 1_000, insert) },
    ],
  });
  const single = (share: number, figure: string): Promise<Comparison> =>
    compare({
      figure,
      unit: 'ms',
      contenders: [
        { name: LOG, round: () => latency(share, append) },
        { name: SINGLE_PLAIN, round: () => latency(share, insert) },
      ],
    });
  return [throughputs, await single(0.5, 'single event, p50'), await single(0.99, 'single event, p99')];
};

const directory = mkdtempSync(join(tmpdir(), 'crucible-bench-'));
try {
  const connection = await connect({
    url: `rocksdb://${directory}/db`,
    user: undefined,
    pass: undefined,
    namespace: 'bench',
    database: 'log',
  });
  const { db } = connection;
  const store = await createSurrealStore(connection, { tables: [], holder: 'bench', logger: silentLogger });
  const log = await createLog({ store, reactor: idleReactor, clock: systemClock, logger: silentLogger });
  await db.query('DEFINE DATABASE plain');
  const plain = await db.forkSession();
  await plain.use({ namespace: 'bench', database: 'plain' });
  await defineBaseline(plain);

  const comparisons = await measure(log, plain);
  const [throughputs, p50] = comparisons;
  const appended = throughputs.medians[LOG] ?? Number.NaN;
  const baseline = Math.max(throughputs.medians[PLAIN] ?? 0, throughputs.medians[PLAIN_LARGE] ?? 0);
  const ratio = appended / baseline;
  const singleRatio = (p50.medians[LOG] ?? Number.NaN) / (p50.medians[SINGLE_PLAIN] ?? Number.NaN);
  report('append', {
    settings: {
      callers: CALLERS,
      events_a_call: EVENTS_A_CALL,
      events_a_round: EVENTS_A_ROUND,
      singles_a_round: SINGLES_A_ROUND,
      event_bytes: JSON.stringify(makeEvent()).length,
      storage: 'rocksdb, sync=every',
      events_in_the_log_at_the_end: log.head(),
    },
    comparisons,
    targets: [
      { target: 'append >= 2 times the better of the plain INSERTs', value: ratio, met: ratio >= 2 },
      { target: 'append > 10,000 events/s', value: appended, met: appended > 10_000 },
      {
        target: 'single append p50 <= 2 times a single plain INSERT',
        value: singleRatio,
        met: singleRatio <= 2,
      },
    ],
    packages: ['surrealdb', '@surrealdb/node', 'cbor-x'],
  });
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);
