import { expect, it } from 'vitest';
import { createRecentLatency } from './latency.ts';

const feed = (durations: readonly number[]) => {
  const latency = createRecentLatency();
  for (const duration of durations) latency.record('whk_1', duration);
  return latency;
};
const times = (count: number, durationMs: number) => Array.from({ length: count }, () => durationMs);

it('an endpoint is fast only once it is known to be', () => {
  expect(feed([]).isFast('whk_1')).toBe(false);
  expect(feed(times(19, 5)).isFast('whk_1')).toBe(false);
  expect(feed(times(20, 5)).isFast('whk_1')).toBe(true);
  expect(feed(times(20, 5)).isFast('whk_2')).toBe(false);
});

it('stops being fast when more than one answer in twenty is slow, and may become so again', () => {
  expect(feed([...times(38, 5), ...times(2, 900)]).isFast('whk_1')).toBe(true);
  expect(feed([...times(37, 5), ...times(3, 900)]).isFast('whk_1')).toBe(false);
  expect(feed([...times(40, 900), ...times(40, 5)]).isFast('whk_1')).toBe(true);
});
