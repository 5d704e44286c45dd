import { describe, expect, it } from 'vitest';
import { createBegunRuns } from './begun-runs.ts';
import type { Run } from './run.ts';

const run = (id: string): Run => ({ id }) as Run;

const open = () => {
  const time = { ms: 0 };
  return { time, begun: createBegunRuns({ now: () => time.ms }) };
};

describe('the runs that an activity has begun', () => {
  it('has room when an action has ended, though not without end while records wait', () => {
    const { begun } = open();
    begun.begin(run('a'));
    expect([begun.hasRoom(1), begun.size]).toEqual([false, 1]);
    expect([begun.free(run('a')), begun.free(run('a'))]).toEqual([true, false]);
    expect([begun.hasRoom(1), begun.size]).toEqual([true, 1]);
    const more = Array.from({ length: 256 }, (_, n) => run(`${n}`));
    for (const each of more) {
      expect(begun.hasRoom(1)).toBe(true);
      begun.begin(each);
      begun.free(each);
    }
    expect(begun.hasRoom(1)).toBe(false);
    begun.over(run('a'));
    expect(begun.hasRoom(1)).toBe(true);
  });

  it('names each once whose action takes its time', () => {
    const { begun, time } = open();
    begun.begin(run('slow'));
    begun.begin(run('ended'));
    begun.free(run('ended'));
    time.ms = 99;
    begun.begin(run('late'));
    expect(begun.takeUnmarked()).toEqual([]);
    time.ms = 100;
    expect(begun.takeUnmarked()).toEqual([{ run: run('slow'), since: 0 }]);
    expect(begun.takeUnmarked()).toEqual([]);
    time.ms = 199;
    expect(begun.takeUnmarked().map(({ since }) => since)).toEqual([99]);
  });

  it('has a slow one from a second on until it is over', () => {
    const { begun, time } = open();
    begun.begin(run('a'));
    time.ms = 999;
    expect(begun.hasSlow()).toBe(false);
    time.ms = 1_000;
    expect(begun.hasSlow()).toBe(true);
    begun.over(run('a'));
    expect([begun.hasSlow(), begun.size]).toEqual([false, 0]);
  });
});
