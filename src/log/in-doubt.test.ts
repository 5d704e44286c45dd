import { expect, test } from 'vitest';
import { isCrucibleError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createLog, idleReactor } from './create-log.ts';
import { createMemoryStore } from './memory-store.ts';
import { CommitFailure } from './store.ts';

const TABLE = { name: 'thing', indexes: [] };
const READ = [{ table: 'thing', has: (id: string) => id === 'a' }];
const OTHER = [{ table: 'thing', has: (id: string) => id === 'b' }];

/** A log whose next commit is written, and readable, and has no answer; the lease is taken anew when it is let. */
const open = async (recoverable: boolean) => {
  const inner = createMemoryStore({ tables: [TABLE] });
  const mayTake = Promise.withResolvers<void>();
  let taken = 0;
  const log = await createLog({
    store: {
      ...inner,
      recoverable,
      async acquire(url) {
        taken += 1;
        if (taken > 1) await mayTake.promise;
        return inner.acquire(url);
      },
      async commit(batch) {
        await inner.commit(batch);
        throw new CommitFailure('unknown', 'no answer');
      },
    },
    reactor: idleReactor,
    clock: { now: () => 1_000 },
    logger: silentLogger,
    limits: { recoverWithinMs: recoverable ? 60_000 : 5_000 },
  });
  const put = log.append({ events: [], mutations: [{ op: 'put', table: 'thing', row: { id: 'a' } }] }).then(
    () => 'written',
    (error: unknown) => (isCrucibleError(error) ? error.code : String(error)),
  );
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  return { log, put, take: mayTake.resolve };
};

const codeOf = (work: Promise<void>): Promise<string> =>
  work.then(
    () => 'settled',
    (error: unknown) => (isCrucibleError(error) ? error.code : String(error)),
  );

test('what a commit in doubt has written is not given away before it is known that it was', async () => {
  const { log, put, take } = await open(true);
  expect(await log.records.get('thing', 'a')).toEqual({ id: 'a' });
  let told = false;
  const [of, any] = [log.settled(READ), log.settled()].map((work) =>
    codeOf(work).finally(() => (told = true)),
  );
  expect(await codeOf(log.settled(OTHER))).toBe('settled');
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  expect(told).toBe(false);
  take();
  expect([await of, await any, await put]).toEqual(['settled', 'settled', 'written']);
  expect(await codeOf(log.settled())).toBe('settled');
  await log.close();
});

test('what may never have been written is never given away', async () => {
  const { log, put } = await open(false);
  expect(await put).toBe('log_unavailable');
  expect(await log.records.get('thing', 'a')).toEqual({ id: 'a' });
  expect(await codeOf(log.settled(READ))).toBe('log_unavailable');
  expect(await codeOf(log.settled())).toBe('log_unavailable');
  expect(await codeOf(log.settled(OTHER))).toBe('settled');
});
