import { describe, expect, it } from 'vitest';
import { createDirectFirst } from './direct-first.ts';
import type { Run } from './run.ts';

const run = (position: number, attempts = 0): Run =>
  ({ order: `o${position}`, event_position: position, attempts }) as Run;

const open = (waits: { order: string | undefined }) => {
  const heard: string[] = [];
  const time = { ms: 0 };
  const moved = { moves: 0 };
  const directs = createDirectFirst({
    log: {
      head: () => 3,
      settled: async () => {
        heard.push('settled');
      },
    },
    place: {
      directWaits: async (order) => {
        heard.push(order);
        return waits.order !== undefined && waits.order < order;
      },
    },
    clock: { now: () => time.ms },
    moved,
  });
  return { directs, heard, time, moved };
};

describe('runs of the target that start directly', () => {
  it('are asked for once for all first attempts up to the last; a retry waits for none', async () => {
    const { directs, heard } = open({ order: undefined });
    expect([directs.mustWait(run(1)), directs.mustWait(run(1, 1))]).toEqual([true, false]);
    expect(directs.mustWait(undefined)).toBe(false);
    await directs.clearFor([run(1), run(3), run(2), run(9, 1)]);
    await directs.clearFor([run(2)]);
    expect(heard).toEqual(['o3']);
    expect([1, 2, 3, 4].map((n) => directs.mustWait(run(n)))).toEqual([false, false, false, true]);
  });

  it('are asked for when the commits up to the run are acknowledged', async () => {
    const { directs, heard } = open({ order: undefined });
    await directs.clearFor([run(4)]);
    expect(heard).toEqual(['settled', 'o4']);
  });

  it('hold up those that stand behind, and none before', async () => {
    const waits = { order: 'o2' };
    const { directs, heard } = open(waits);
    const ready = [run(1), run(3)];
    await directs.clearFor(ready);
    expect(directs.mustWait(run(1))).toBe(true);
    await directs.askAgain(ready);
    expect([1, 3].map((n) => directs.mustWait(run(n)))).toEqual([false, true]);
    expect(heard).toEqual(['o3', 'o3', 'o1']);
  });

  it('are asked for again for another run, when something has moved, and now and then', async () => {
    const { directs, time, moved } = open({ order: 'o0' });
    expect(directs.isNewQuestion(run(1))).toBe(true);
    await directs.askAgain([run(1)]);
    expect([directs.isNewQuestion(run(1)), directs.isNewQuestion(run(2))]).toEqual([false, true]);
    moved.moves += 1;
    expect(directs.isNewQuestion(run(1))).toBe(true);
    await directs.askAgain([run(1)]);
    time.ms += 99;
    expect(directs.isNewQuestion(run(1))).toBe(false);
    time.ms += 1;
    expect(directs.isNewQuestion(run(1))).toBe(true);
  });
});
