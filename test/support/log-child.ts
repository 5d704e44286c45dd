/*
 * A process of its own with the log on an embedded database, for tests that kill it. Started with the data directory; it
 * writes one JSON line for what happens. `append`: appends without end and tells what was acknowledged; `read`: tells
 * everything that is stored, and ends.
 */
import { argv, stdout } from 'node:process';
import { systemClock } from '../../src/kernel/clock.ts';
import { isCrucibleError, messageOf } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createLog, idleReactor } from '../../src/log/create-log.ts';
import type { Log } from '../../src/log/log.ts';
import { openSurrealStore } from '../../src/surreal/surreal-store.ts';
import { sampleEvent } from './sample-events.ts';

const [, , directory = '', mode = 'read'] = argv;
const CALLERS = 6;

const tell = (line: object): void => void stdout.write(`${JSON.stringify(line)}\n`);

/** Ends when everything that was told is through; the engine alone would keep the process. */
const end = (code: number): void => void stdout.write('', () => process.exit(code));

/** One caller: each request carries events, a row of its own, and a counter row that every request moves on by one. */
const appendForever = async (log: Log, caller: number): Promise<never> => {
  for (let n = 1; ; n += 1) {
    const events = Array.from({ length: 1 + ((n * caller) % 40) }, () =>
      sampleEvent({ subject: `caller ${caller}` }),
    );
    const row = { id: events[0]?.id ?? '', caller, events: events.length };
    const result = await log.append({
      events,
      mutations: [
        { op: 'insert', table: 'request', row },
        { op: 'put', table: 'counter', row: { id: `${caller}`, last: row.id } },
      ],
    });
    tell({ acknowledged: result.events.map(({ id, position }) => [id, position]), row: row.id });
  }
};

const readAll = async (log: Log): Promise<void> => {
  for await (const item of log.replay({ after: 0 })) {
    if (item.kind === 'event') tell({ event: [item.event.id, item.event.position, item.event.timestamp] });
  }
  for (let after: string | undefined; ;) {
    const rows = await log.records.list('request', {
      ...(after === undefined ? {} : { after }),
      limit: 1_000,
    });
    for (const row of rows) tell({ row: row.id, events: row['events'] });
    after = rows.at(-1)?.id;
    if (rows.length < 1_000) break;
  }
  tell({ head: log.head() });
};

try {
  const store = await openSurrealStore({
    url: `rocksdb://${directory}`,
    user: undefined,
    pass: undefined,
    namespace: 'crucible',
    database: 'main',
    tables: [
      { name: 'request', indexes: [{ name: 'request_caller', fields: ['caller', 'events'] }] },
      { name: 'counter', indexes: [] },
    ],
    holder: 'test',
    logger: silentLogger,
  });
  const log = await createLog({ store, reactor: idleReactor, clock: systemClock, logger: silentLogger });
  tell({ open: log.head() });
  if (mode === 'append')
    await Promise.all(Array.from({ length: CALLERS }, (_, i) => appendForever(log, i + 1)));
  if (mode === 'read') await readAll(log);
  // `hold`: stays until it is killed.
  if (mode === 'hold') setInterval(() => undefined, 60_000);
  else end(0);
} catch (error) {
  tell({ failed: isCrucibleError(error) ? error.code : 'unexpected', message: messageOf(error) });
  end(1);
}
