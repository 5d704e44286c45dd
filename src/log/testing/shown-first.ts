import type { LogStore } from '../store.ts';

/** A store as the database is: a commit can be read first, and is synced when the test says so. */
export interface ShownFirst {
  readonly wrap: (store: LogStore) => LogStore;
  /** Resolves when a commit can be read. */
  readonly shown: Promise<void>;
  readonly sync: () => void;
}

export const shownFirst = (): ShownFirst => {
  const shown = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  return {
    wrap: (store) => ({
      ...store,
      async commit(batch) {
        await store.commit(batch);
        shown.resolve();
        await synced.promise;
      },
    }),
    shown: shown.promise,
    sync: synced.resolve,
  };
};
