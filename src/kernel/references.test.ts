import { expect, test } from 'vitest';
import { CrucibleError } from './errors.ts';
import { allNamed, named } from './references.ts';

const gone = (id: string) => (): never => {
  throw new CrucibleError('not_found', `There is no ${id}`, { hint: `Not ${id}.` });
};

test('what is there is given back in order', async () => {
  expect(
    await allNamed([
      ['a', () => 1],
      ['b', async () => Promise.resolve(2)],
    ]),
  ).toEqual([1, 2]);
  expect(await named('a', () => undefined)).toBeUndefined();
});

test('everything that is not there is said at once, each at its field', async () => {
  await expect(
    allNamed([
      ['ids.0', gone('x')],
      ['ids.1', () => 1],
      ['ids.2', gone('y')],
    ]),
  ).rejects.toMatchObject({
    code: 'invalid',
    message: 'There is no x; There is no y',
    hint: undefined,
    issues: [
      { path: 'ids.0', message: 'There is no x', hint: 'Not x.' },
      { path: 'ids.2', message: 'There is no y', hint: 'Not y.' },
    ],
  });
  await expect(named('to', gone('x'))).rejects.toMatchObject({ code: 'invalid', hint: 'Not x.' });
});

test('any other fault stays what it is', async () => {
  const conflict = new CrucibleError('conflict', 'It moved');
  const look = (): never => {
    throw conflict;
  };
  await expect(
    allNamed([
      ['a', gone('x')],
      ['b', look],
    ]),
  ).rejects.toBe(conflict);
});
