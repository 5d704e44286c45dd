import { expect, it } from 'vitest';
import { createMemoryDisk, createMemoryStore } from './memory-store.ts';
import { watchLease } from './lease-watch.ts';
import { CommitFailure, LEASE_MS, type LogStore } from './store.ts';

const opened = (change: Partial<LogStore> = {}) => {
  let nowMs = 1_000_000;
  const watched = watchLease(
    { ...createMemoryStore({ disk: createMemoryDisk(), tables: [] }), recoverable: true, ...change },
    () => nowMs,
  );
  return { ...watched, pass: (ms: number) => (nowMs += ms) };
};

const BATCH = { id: 'cmt_1', epoch: 1, commit: undefined, writes: [] };

it('is over when nothing has prolonged the lease for as long as it lasts', async () => {
  const { store, lapsed, pass } = opened();
  expect(lapsed()).toBe(true);
  const { epoch } = await store.acquire();
  pass(LEASE_MS - 1);
  expect(lapsed()).toBe(false);
  pass(1);
  expect(lapsed()).toBe(true);
  await store.renew(epoch);
  expect(lapsed()).toBe(false);
  pass(LEASE_MS - 1);
  await store.commit({ ...BATCH, epoch });
  pass(LEASE_MS - 1);
  expect(lapsed()).toBe(false);
});

it('counts from when it was asked for, and not at all when that failed', async () => {
  const answers: PromiseWithResolvers<void>[] = [];
  const { store, lapsed, pass } = opened({
    renew: () => {
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      return answer.promise;
    },
  });
  await store.acquire();
  pass(4_000);
  const late = store.renew(1);
  pass(LEASE_MS - 1);
  answers[0]?.resolve();
  await late;
  expect(lapsed()).toBe(false);
  const failing = store.renew(1);
  answers[1]?.reject(new CommitFailure('unknown', 'the connection was lost'));
  await expect(failing).rejects.toThrow('lost');
  pass(1);
  expect(lapsed()).toBe(true);
});

it('never is in a store that one process alone can open', async () => {
  const { store, lapsed, pass } = opened({ recoverable: false });
  await store.acquire();
  pass(LEASE_MS * 10);
  expect(lapsed()).toBe(false);
});
