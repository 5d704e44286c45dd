import { expect, test } from 'vitest';
import { openMemories } from '../../test/support/memories.ts';
import { GRAPH_TABLES } from '../graph/tables.ts';
import { createMemoryStore } from '../log/memory-store.ts';
import type { LogStore } from '../log/store.ts';
import { MEMORY_TABLES } from './tables.ts';

/** Memories whose next commit is readable, but not acknowledged until it is let go. */
const openHeld = async () => {
  const inner = createMemoryStore({ tables: [...GRAPH_TABLES, ...MEMORY_TABLES] });
  let hold: { readonly shown: () => void; readonly synced: Promise<void> } | undefined;
  const store: LogStore = {
    ...inner,
    async commit(batch) {
      const held = hold;
      hold = undefined;
      await inner.commit(batch);
      held?.shown();
      await held?.synced;
    },
  };
  const memories = await openMemories({ store });
  const inWorld = <T>(work: () => Promise<T>): Promise<T> => memories.in('default', work);
  const make = async (name: string, content: string): Promise<string> =>
    (await inWorld(() => memories.service.create({ name, content }))).id;
  return {
    ...memories,
    inWorld,
    make,
    /** Writes; @returns what has its end when the commit is let go */
    held: async (write: () => Promise<unknown>) => {
      const shown = Promise.withResolvers<void>();
      const synced = Promise.withResolvers<void>();
      hold = { shown: shown.resolve, synced: synced.promise };
      const written = inWorld(write);
      await shown.promise;
      return {
        async letGo(): Promise<void> {
          synced.resolve();
          await written;
        },
      };
    },
  };
};

/** Which of these are answered before anything else happens. */
const answered = async (questions: readonly (() => Promise<unknown>)[]): Promise<readonly boolean[]> => {
  const ended = questions.map(() => false);
  questions.forEach(
    (ask, i) =>
      void ask()
        .finally(() => (ended[i] = true))
        .catch(() => undefined),
  );
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  return [...ended];
};

test('a read waits for a commit that writes what it shows or could show, and for no other', async () => {
  const { service, make, held, inWorld } = await openHeld();
  const [a, b, c] = [
    await make('a', '# A\n#first'),
    await make('b', '# B\n#second [[A]]'),
    await make('c', '# C'),
  ];
  const found = (tag: string) => () => service.query({ tags: [tag], limit: 10, page: 1 });
  const questions = [
    () => service.get(a),
    () => service.get(b),
    () => service.get(c),
    found('#first'),
    found('#second'),
    found('#none'),
  ];
  const during = async (write: () => Promise<unknown>): Promise<readonly boolean[]> => {
    const { letGo } = await held(write);
    const before = await inWorld(() => answered(questions));
    await letGo();
    return before;
  };
  // C itself, and who is found by a tag that comes.
  expect(await during(() => service.tag(c, '#none'))).toEqual([true, true, false, true, true, false]);
  // B is named, so it has another one that points to it.
  expect(await during(() => service.create({ content: '# New\nabout [[B]]' }))).toEqual([
    true,
    false,
    true,
    true,
    true,
    true,
  ]);
  // It points to A no more, is itself not there any more, which is not told either, and was found by its tag.
  expect(await during(() => service.remove(b))).toEqual([false, false, true, true, false, true]);
});
