import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionAt } from './position-at.ts';
import type { CommitHead } from './store.ts';

/** A log of these commits; `kept`: which retention has left. */
const logOf = (commits: readonly CommitHead[], kept: (commit: CommitHead) => boolean = () => true) => {
  const state = { reads: 0 };
  return {
    state,
    head: () => commits.at(-1)?.last ?? 0,
    firstAvailable: () => commits.find(kept)?.first ?? 1,
    commitOf: async (position: number): Promise<CommitHead | undefined> => {
      state.reads += 1;
      return commits.find((commit) => commit.first <= position && position <= commit.last && kept(commit));
    },
  };
};

const commitsOf = (sizes: readonly (readonly [size: number, laterMs: number])[]): readonly CommitHead[] => {
  let position = 0;
  let timeMs = 1_000;
  return sizes.map(([size, laterMs]) => {
    const first = position + 1;
    position += size;
    timeMs += laterMs;
    return { first, last: position, timeMs };
  });
};

describe('the position at a time', () => {
  it('is that of the last event at or before it, however times and commits are spread', async () => {
    const sizes = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 1_024 }), fc.oneof(fc.constant(0), fc.nat(9_999))),
      {
        maxLength: 60,
      },
    );
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(300_000), async (spread, timeMs) => {
        const commits = commitsOf(spread);
        const last = commits.findLast((commit) => commit.timeMs <= timeMs)?.last ?? 0;
        expect(await positionAt(logOf(commits), timeMs)).toBe(last);
      }),
    );
  });

  it('parts what is kept of an old log, from which commits between others are gone', async () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(9_999)), {
      minLength: 1,
      maxLength: 60,
    });
    const any = {
      sizes,
      timeMs: fc.nat(300_000),
      expired: fc.nat(300_000),
      keep: fc.integer({ min: 2, max: 5 }),
    };
    await fc.assert(
      fc.asyncProperty(fc.record(any), async ({ sizes: spread, timeMs, expired, keep }) => {
        const commits = commitsOf(spread);
        const isKept = (commit: CommitHead): boolean => commit.timeMs > expired || commit.first % keep === 0;
        const position = await positionAt(logOf(commits, isKept), Math.max(timeMs, expired));
        for (const { last, timeMs: at } of commits.filter(isKept))
          expect(last <= position).toBe(at <= Math.max(timeMs, expired));
      }),
    );
  });

  it('takes few reads where events come evenly, and never many', async () => {
    const readsOf = async (commits: readonly CommitHead[], share: number): Promise<number> => {
      const log = logOf(commits);
      const [first, last] = [commits[0]?.timeMs ?? 0, commits.at(-1)?.timeMs ?? 0];
      await positionAt(log, first + share * (last - first));
      return log.state.reads;
    };
    const evenly = commitsOf(Array.from({ length: 2_000 }, () => [1_000, 50] as const));
    // A quiet year, and then everything within a minute.
    const suddenly = commitsOf(
      Array.from({ length: 2_000 }, (_, i) => [1_000, i === 1 ? 31_536_000_000 : 30] as const),
    );
    for (const share of [0.001, 0.3, 0.5, 0.77, 0.999])
      expect(await readsOf(evenly, share)).toBeLessThanOrEqual(6);
    for (const share of [0.1, 0.5, 0.999, 0.9999999, 0.999_999_9999])
      expect(await readsOf(suddenly, share)).toBeLessThanOrEqual(24);
  });
});
