import { expect, test } from 'vitest';
import { originIn } from '../../test/support/memories.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createLog, idleReactor } from '../log/create-log.ts';
import { createMemoryStore } from '../log/memory-store.ts';
import { createStateWriter, type Decided, type StateWriter } from './writer.ts';

const TABLE = { name: 'thing', indexes: [] };

/** Changes that read and put a row each, over a database whose reads go unanswered when told to. */
const open = async () => {
  const inner = createMemoryStore({ tables: [TABLE] });
  let away: PromiseWithResolvers<never> | undefined;
  const log = await createLog({
    store: {
      ...inner,
      getRows: (table, ids) => away?.promise ?? inner.getRows(table, ids),
    },
    reactor: idleReactor,
    clock: { now: () => 1_000 },
    logger: silentLogger,
  });
  const writer: StateWriter = createStateWriter({
    log,
    newId,
    gate: async (intended) => intended,
    expandGraph: async () => ({ events: [], mutations: [] }),
  });
  const decided: string[] = [];
  const decide = (id: string) => async (): Promise<Decided> => {
    decided.push(id);
    await log.records.get(TABLE.name, id);
    return { change: { events: [], mutations: [{ op: 'put', table: TABLE.name, row: { id } }] } };
  };
  const put = (id: string): Promise<string> =>
    writer.write(decide(id), { origin: originIn('default') }).then(
      () => 'written',
      (error: unknown) => (error instanceof CrucibleError ? error.code : String(error)),
    );
  return {
    log,
    put,
    decided,
    leave: () => {
      away = Promise.withResolvers<never>();
      away.promise.catch(() => undefined);
    },
    /** Each read that waits is given up. */
    giveUp: () => away?.reject(new CrucibleError('log_unavailable', 'The database did not answer')),
    comeBack: () => {
      away = undefined;
    },
  };
};

test('who waits in line for a database that does not answer waits for one decision, and not for all before', async () => {
  const { put, decided, leave, giveUp, comeBack } = await open();
  leave();
  const waiting = ['a', 'b', 'c', 'd'].map(put);
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  giveUp();
  expect(await Promise.all(waiting)).toEqual(waiting.map(() => 'log_unavailable'));
  expect(decided).toEqual(['a']);
  // Who comes later has not waited yet, and finds it away for himself, or back.
  expect(await put('e')).toBe('log_unavailable');
  comeBack();
  expect(await Promise.all(['f', 'g'].map(put))).toEqual(['written', 'written']);
  expect(decided).toEqual(['a', 'e', 'f', 'g']);
});

test('nothing is decided while the log takes nothing', async () => {
  const { log, put, decided } = await open();
  await log.close();
  expect(await put('a')).toBe('log_unavailable');
  expect(decided).toEqual([]);
});
