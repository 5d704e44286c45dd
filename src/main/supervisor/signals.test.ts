import { expect, test } from 'vitest';
import { oncePerPress } from './signals.ts';

test('a press that arrives twice counts once, the next press counts again', () => {
  let now = 1_000;
  let heard = 0;
  const signal = oncePerPress(
    () => (heard += 1),
    () => now,
  );
  signal();
  now += 2;
  signal();
  expect(heard).toBe(1);
  now += 900;
  signal();
  signal();
  expect(heard).toBe(2);
});
