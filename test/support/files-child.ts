/*
 * A process of its own that watches a directory, with the log on an embedded database, for tests that kill it. Started
 * with the data directory and the watched one; it writes a JSON line for each commit, and at the end, when everything is
 * taken over, every event and row, and ends.
 */
import { argv, stdout } from 'node:process';
import { isCrucibleError, messageOf } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { openSurrealStore } from '../../src/surreal/surreal-store.ts';
import { openFiles, TEST_TABLES } from './files.ts';

const [, , directory = '', watched = ''] = argv;

const tell = (line: object): void => void stdout.write(`${JSON.stringify(line)}\n`);

/** Ends when everything that was told is through; the engine alone would keep the process. */
const end = (code: number): void => void stdout.write('', () => process.exit(code));

try {
  const store = await openSurrealStore({
    url: `rocksdb://${directory}?sync=every`,
    user: undefined,
    pass: undefined,
    namespace: 'crucible',
    database: 'main',
    tables: TEST_TABLES,
    holder: 'test',
    logger: silentLogger,
  });
  const open = await openFiles([watched], { store });
  open.log.onCommit(({ events }) => tell({ commit: events.length }));
  await open.files.start();
  for (const event of await open.events('file.*', 'memory.*'))
    tell({ event: event.type, subject: event.subject, payload: event.payload });
  for (const row of await open.rows()) tell({ row });
  for (const note of Object.values(await open.notes())) tell({ note });
  tell({ done: true });
  end(0);
} catch (error) {
  tell({ failed: isCrucibleError(error) ? error.code : 'unexpected', message: messageOf(error) });
  end(1);
}
