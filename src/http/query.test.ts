import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readQuery } from './query.ts';

const shape = {
  on: z.boolean().default(true),
  n: z.int().min(0).exactOptional(),
  ids: z.array(z.int()).exactOptional(),
  text: z.string().optional(),
};
const read = (search: string) => readQuery(new URLSearchParams(search), shape);

describe('readQuery', () => {
  test.each([
    ['on=false', { on: false }],
    ['on=true', { on: true }],
    ['on=0', { on: '0' }],
    ['on=FALSE', { on: 'FALSE' }],
    ['on=', { on: '' }],
    ['n=7', { n: 7 }],
    ['n=-7', { n: -7 }],
    ['n=0x10', { n: '0x10' }],
    ['n=Infinity', { n: 'Infinity' }],
    ['n=%207', { n: ' 7' }],
    ['n=', { n: '' }],
    ['ids=1&ids=2,3', { ids: [1, 2, 3] }],
    ['ids=1,x', { ids: [1, 'x'] }],
    ['text=1', { text: '1' }],
    ['text=true', { text: 'true' }],
    ['text=a,b', { text: 'a,b' }],
    ['other=1', { other: '1' }],
  ])('%s', (search, fields) => {
    expect(read(search)).toEqual({ fields, issues: [] });
  });

  test('a scalar that is given twice is an issue; a name like __proto__ is a field like any other', () => {
    expect(read('n=1&n=2').issues).toEqual([{ path: 'n', message: 'This is given more than once' }]);
    expect(Object.entries(read('__proto__=1').fields)).toEqual([['__proto__', '1']]);
  });
});
