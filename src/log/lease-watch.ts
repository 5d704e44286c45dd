import { LEASE_MS, type LogStore } from './store.ts';

/**
 * A store that notes until when the lease is certainly this process's, so that one which was stopped, or cut off from
 * the database, stops answering from memory: another may write by now, and may have revoked who asks here.
 *
 * Guarantee: until `lapsed` is true no other process has the lease. What prolongs it counts from when it was sent, which
 * is before the database began to count, and by a clock that goes on while the process is stopped.
 */
export const watchLease = (
  store: LogStore,
  monotonicMs: () => number,
): { readonly store: LogStore; readonly lapsed: () => boolean } => {
  let goodUntil = 0;
  const prolonging = async <T>(work: () => Promise<T>): Promise<T> => {
    const sentAt = monotonicMs();
    const result = await work();
    goodUntil = Math.max(goodUntil, sentAt + LEASE_MS);
    return result;
  };
  return {
    store: {
      ...store,
      acquire: (url) => prolonging(() => store.acquire(url)),
      renew: (epoch) => prolonging(() => store.renew(epoch)),
      commit: (batch) => prolonging(() => store.commit(batch)),
    },
    // In the embedded engine the lock on the directory keeps every other process out, whatever the time.
    lapsed: () => store.recoverable && monotonicMs() >= goodUntil,
  };
};
