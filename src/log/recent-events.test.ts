import { describe, expect, test } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { createRecentEvents } from './recent-events.ts';

const commit = (first: number, count: number): CrucibleEvent[] =>
  Array.from({ length: count }, (_, i) => {
    const position = first + i;
    return { position, id: `evt_${position}`, type: position % 3 === 0 ? 'third' : 'other' } as CrucibleEvent;
  });

const positions = (events: readonly CrucibleEvent[] | undefined): number[] | undefined =>
  events?.map(({ position }) => position);

describe('the recent events', () => {
  test('are found by position, and from a position on', () => {
    const recent = createRecentEvents({ events: 100, bytes: 1_000 });
    expect(recent.at(1)).toBeUndefined();
    expect(recent.after(0)).toBeUndefined();
    recent.add(commit(4, 3), 30);
    recent.add([], 0);
    recent.add(commit(7, 1), 10);
    recent.add(commit(8, 2), 20);
    for (const position of [4, 5, 6, 7, 8, 9]) expect(recent.at(position)?.position).toBe(position);
    for (const position of [0, 3, 10]) expect(recent.at(position)).toBeUndefined();
    expect(positions(recent.after(2))).toBeUndefined();
    expect(positions(recent.after(3))).toEqual([4, 5, 6, 7, 8, 9]);
    expect(positions(recent.after(5))).toEqual([6, 7, 8, 9]);
    expect(positions(recent.after(7))).toEqual([8, 9]);
    expect(positions(recent.after(9))).toEqual([]);
  });

  test('are bounded by their number', () => {
    const recent = createRecentEvents({ events: 3, bytes: 1_000 });
    for (let position = 1; position <= 10; position += 2) recent.add(commit(position, 2), 20);
    expect(positions(recent.after(6))).toEqual([7, 8, 9, 10]);
    expect(recent.after(5)).toBeUndefined();
    expect(recent.at(6)).toBeUndefined();
  });

  test('are bounded by their bytes, and a commit larger than that leaves nothing', () => {
    const recent = createRecentEvents({ events: 1_000, bytes: 100 });
    recent.add(commit(1, 1), 60);
    recent.add(commit(2, 1), 30);
    recent.add(commit(3, 1), 40);
    expect(recent.at(1)).toBeUndefined();
    expect(positions(recent.after(1))).toEqual([2, 3]);
    recent.add(commit(4, 1), 101);
    expect(recent.at(4)).toBeUndefined();
    expect(recent.after(3)).toBeUndefined();
    recent.add(commit(5, 1), 1);
    expect(positions(recent.after(4))).toEqual([5]);
  });

  test('are found by id and by type as long as they are kept', () => {
    const recent = createRecentEvents({ events: 20, bytes: 10_000 });
    expect(recent.first()).toBeUndefined();
    expect(recent.ofTypes(['third'], 1, 9)).toBeUndefined();
    for (let first = 1; first < 300; first += 7) {
      recent.add(commit(first, 7), 70);
      const [oldest = 0, last] = [recent.first(), first + 6];
      const all = Array.from({ length: last }, (_, i) => i + 1);
      const kept = all.filter((position) => position >= oldest);
      expect(kept.length).toBe(Math.min(last, 21));
      expect(all.filter((position) => recent.withId(`evt_${position}`) !== undefined)).toEqual(kept);
      const thirds = kept.filter((position) => position % 3 === 0);
      expect(positions(recent.ofTypes(['third', 'none', 'third'], oldest, last))).toEqual(thirds);
      expect(positions(recent.ofTypes(['other', 'third'], oldest + 2, last - 2))).toEqual(kept.slice(2, -2));
      expect(recent.ofTypes(['third'], oldest - 1, last)).toBeUndefined();
    }
  });
});
