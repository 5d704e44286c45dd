import { describe, expect, it } from 'vitest';
import { createMemoryStore } from './memory-store.ts';
import { withRecentRows } from './recent-rows.ts';
import type { Row } from './records.ts';
import { CommitFailure, type LogStore, type TableWrites } from './store.ts';

const TABLES = [
  { name: 'hot', indexes: [], recent: 3 },
  { name: 'cold', indexes: [] },
];

const open = async () => {
  const inner = createMemoryStore({ tables: TABLES });
  const read: string[][] = [];
  /** What happens to the next commit instead. */
  const planted: { commit: ((commit: () => Promise<void>) => Promise<void>) | undefined } = {
    commit: undefined,
  };
  const watched: LogStore = {
    ...inner,
    getRows: (table, ids) => {
      read.push([...ids]);
      return inner.getRows(table, ids);
    },
    commit: (batch) => {
      const plant = planted.commit;
      planted.commit = undefined;
      return plant === undefined ? inner.commit(batch) : plant(() => inner.commit(batch));
    },
  };
  const store = withRecentRows(watched, TABLES);
  const { epoch } = await store.acquire();
  let batches = 0;
  const write = (writes: Partial<TableWrites>, table = 'hot'): Promise<void> => {
    batches += 1;
    return store.commit({
      id: `cmt_${batches}`,
      epoch,
      commit: undefined,
      writes: [{ table, insert: [], update: [], remove: [], ...writes }],
    });
  };
  const numbers = async (...ids: readonly string[]): Promise<readonly unknown[]> =>
    (await store.getRows('hot', ids)).map(({ id, n }) => `${id}${String(n)}`);
  return { store, write, numbers, read, planted };
};

const row = (id: string, n: number): Row => ({ id, n });

describe('a store that remembers its last rows', () => {
  it('answers what was written last without reading it, and reads the rest', async () => {
    const { write, numbers, read, store } = await open();
    await write({ insert: [row('a', 1), row('b', 1)] });
    await write({ insert: [row('x', 1)] }, 'cold');
    await write({ update: [row('a', 2)] });
    expect(await numbers('b', 'none', 'a')).toEqual(['b1', 'a2']);
    expect(read).toEqual([['none']]);
    expect(await store.getRows('cold', ['x'])).toEqual([row('x', 1)]);
    expect(read).toEqual([['none'], ['x']]);
  });

  it('keeps so many, and reads those that it has let go', async () => {
    const { write, numbers, read } = await open();
    await write({ insert: ['a', 'b', 'c', 'd'].map((id) => row(id, 1)) });
    expect(await numbers('a', 'b', 'c', 'd')).toEqual(['a1', 'b1', 'c1', 'd1']);
    expect(read).toEqual([['a']]);
  });

  it('forgets what is removed', async () => {
    const { write, numbers } = await open();
    await write({ insert: [row('a', 1)] });
    await write({ remove: ['a'] });
    expect(await numbers('a')).toEqual([]);
  });

  it('reads again what a commit of unknown outcome may have changed', async () => {
    const { write, numbers, planted } = await open();
    await write({ insert: [row('a', 1)] });
    planted.commit = async (commit) => {
      await commit();
      throw new CommitFailure('unknown', 'no answer');
    };
    await expect(write({ update: [row('a', 2)] })).rejects.toThrow('no answer');
    expect(await numbers('a')).toEqual(['a2']);
  });

  it('does not believe an answer that comes after a later commit', async () => {
    const { write, numbers, planted } = await open();
    await write({ insert: [row('a', 1)] });
    const late = Promise.withResolvers<void>();
    planted.commit = (commit) => commit().then(() => late.promise);
    const first = write({ update: [row('a', 2)] });
    await write({ update: [row('a', 3)] });
    late.resolve();
    await first;
    expect(await numbers('a')).toEqual(['a3']);
  });

  it('knows nothing any more when the lease is taken anew: another may have written', async () => {
    const { store, write, numbers, read } = await open();
    await write({ insert: [row('a', 1)] });
    await store.acquire();
    expect(await numbers('a')).toEqual(['a1']);
    expect(read).toEqual([['a']]);
  });
});
