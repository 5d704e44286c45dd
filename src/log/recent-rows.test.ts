import { describe, expect, it } from 'vitest';
import { createMemoryStore } from './memory-store.ts';
import { withRecentRows } from './recent-rows.ts';
import type { Row } from './records.ts';
import { CommitFailure, type LogStore, type TableWrites } from './store.ts';

const TABLES = [
  { name: 'hot', indexes: [], recent: 3 },
  { name: 'cold', indexes: [] },
  { name: 'read', indexes: [], recent: 3, recentReads: true },
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
    getRows: async (table, ids) => {
      read.push([...ids]);
      const rows = await inner.getRows(table, ids);
      await reading.answer;
      return rows;
    },
    commit: (batch) => {
      const plant = planted.commit;
      planted.commit = undefined;
      return plant === undefined ? inner.commit(batch) : plant(() => inner.commit(batch));
    },
  };
  /** What the answers of reads wait for, which have seen what was stored before. */
  const reading: { answer: Promise<void> | undefined } = { answer: undefined };
  const store = withRecentRows(watched, TABLES);
  let { epoch } = await store.acquire();
  const takeLease = async (): Promise<void> => {
    ({ epoch } = await store.acquire());
  };
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
  const numbersOf = async (table: string, ids: readonly string[]): Promise<readonly unknown[]> =>
    (await store.getRows(table, ids)).map(({ id, n }) => `${id}${JSON.stringify(n)}`);
  const numbers = (...ids: readonly string[]) => numbersOf('hot', ids);
  return { store, takeLease, write, numbers, numbersOf, read, planted, reading };
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

  describe('also of those that were read', () => {
    /** With a row that an earlier process wrote. */
    const openWithStored = async () => {
      const world = await open();
      await world.write({ insert: [row('a', 1)] }, 'read');
      await world.takeLease();
      return { ...world, value: async () => (await world.numbersOf('read', ['a']))[0] };
    };

    it('reads each once, and as many as it keeps', async () => {
      const { value, read, write, numbersOf } = await openWithStored();
      expect([await value(), await value()]).toEqual(['a1', 'a1']);
      expect(read).toEqual([['a']]);
      await write({ insert: ['b', 'c', 'd'].map((id) => row(id, 1)) }, 'read');
      expect(await numbersOf('read', ['d', 'a'])).toEqual(['d1', 'a1']);
      expect(read).toEqual([['a'], ['a']]);
    });

    it('looks once for what is not there, and shows it when it has come', async () => {
      const { numbersOf, read, write } = await openWithStored();
      expect(await numbersOf('read', ['none', 'a'])).toEqual(['a1']);
      expect(await numbersOf('read', ['a', 'none'])).toEqual(['a1']);
      expect(read).toEqual([['none', 'a']]);
      await write({ insert: [row('none', 1)] }, 'read');
      expect(await numbersOf('read', ['none'])).toEqual(['none1']);
    });

    it('does not take for absent what comes while it is looked for', async () => {
      const { numbersOf, write, reading } = await openWithStored();
      const answer = Promise.withResolvers<void>();
      reading.answer = answer.promise;
      const early = numbersOf('read', ['none']);
      await write({ insert: [row('none', 1)] }, 'read');
      await write({ insert: ['b', 'c', 'd'].map((id) => row(id, 1)) }, 'read');
      answer.resolve();
      expect(await early).toEqual([]);
      expect(await numbersOf('read', ['none'])).toEqual(['none1']);
    });

    it('does not take for absent what a commit of unknown outcome has brought', async () => {
      const { numbersOf, write, planted } = await openWithStored();
      expect(await numbersOf('read', ['none'])).toEqual([]);
      planted.commit = async (commit) => {
        await commit();
        throw new CommitFailure('unknown', 'no answer');
      };
      await expect(write({ insert: [row('none', 1)] }, 'read')).rejects.toThrow('no answer');
      expect(await numbersOf('read', ['none'])).toEqual(['none1']);
    });

    it('keeps no row that is large', async () => {
      const { store, write, read } = await openWithStored();
      const large = { ...row('large', 1), text: 'x'.repeat(20_000) };
      await write({ insert: [large, row('small', 1)] }, 'read');
      expect(await store.getRows('read', ['large', 'small'])).toEqual([large, row('small', 1)]);
      await store.getRows('read', ['large']);
      expect(read).toEqual([['large'], ['large']]);
    });

    it('shows a change and a removal', async () => {
      const { value, write } = await openWithStored();
      await value();
      await write({ update: [row('a', 2)] }, 'read');
      expect(await value()).toBe('a2');
      await write({ remove: ['a'] }, 'read');
      expect(await value()).toBeUndefined();
    });

    it('does not keep what a commit changes that begins while it is read', async () => {
      const { value, write, reading } = await openWithStored();
      const answer = Promise.withResolvers<void>();
      reading.answer = answer.promise;
      const early = value();
      await write({ remove: ['a'] }, 'read');
      answer.resolve();
      expect(await early).toBe('a1');
      expect(await value()).toBeUndefined();
    });

    it('does not keep what is read while a commit that changes it is under way', async () => {
      const { value, write, planted } = await openWithStored();
      const end = Promise.withResolvers<void>();
      planted.commit = (commit) => end.promise.then(commit);
      const removing = write({ remove: ['a'] }, 'read');
      expect(await value()).toBe('a1');
      end.resolve();
      await removing;
      expect(await value()).toBeUndefined();
    });

    it('does not keep what is read while the lease is taken', async () => {
      const { value, takeLease, reading, read } = await openWithStored();
      const answer = Promise.withResolvers<void>();
      reading.answer = answer.promise;
      const early = value();
      await takeLease();
      answer.resolve();
      await early;
      await value();
      expect(read).toEqual([['a'], ['a']]);
    });
  });
});
