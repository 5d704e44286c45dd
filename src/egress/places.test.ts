import { expect, it } from 'vitest';
import { createPlaces } from './places.ts';

it('starts as many as may be, and the others in turn', () => {
  const places = createPlaces(2);
  const started: string[] = [];
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => places.take('x', () => started.push(name)));
  places.take('y', () => started.push('other'));
  expect(started).toEqual(['a', 'b', 'other']);
  c?.leave();
  a?.leave();
  expect(started).toEqual(['a', 'b', 'other', 'd']);
  b?.leave();
  d?.leave();
  places.take('x', () => started.push('again'));
  expect(started.at(-1)).toBe('again');
});
