import { expect, test } from 'vitest';
import { createLocalBudget } from './local-budget.ts';

test('gives no more than there is, and again what was released', () => {
  const budget = createLocalBudget(2, () => 0);
  expect([budget.take('a', 10), budget.take('b', 10), budget.take('c', 10)]).toEqual([true, true, false]);
  budget.release('a');
  budget.release('never taken');
  expect(budget.taken).toBe(1);
  expect(budget.take('c', 10)).toBe(true);
});

test('what is never released counts no longer than it said', () => {
  let time = 0;
  const budget = createLocalBudget(1, () => time);
  expect(budget.take('lost', 10)).toBe(true);
  time = 9;
  expect(budget.take('a', 10)).toBe(false);
  time = 10;
  expect(budget.take('a', 10)).toBe(true);
});
