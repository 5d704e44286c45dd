import { expect, test } from 'vitest';
import { shareNext } from './share-next.ts';
import { turn } from './testing/open-log.ts';

test('who asks while a read is under way gets the next one, which all of them share', async () => {
  const reads: PromiseWithResolvers<string>[] = [];
  const ask = shareNext(() => {
    const read = Promise.withResolvers<string>();
    reads.push(read);
    return read.promise;
  });
  const first = ask();
  const others = Promise.all([ask(), ask(), ask()]);
  await turn();
  expect(reads).toHaveLength(1);
  reads[0]?.resolve('first');
  expect(await first).toBe('first');
  await turn();
  expect(reads).toHaveLength(2);
  const last = ask();
  reads[1]?.resolve('second');
  expect(await others).toEqual(['second', 'second', 'second']);
  await turn();
  reads[2]?.resolve('third');
  expect(await last).toBe('third');
});

test('a read that fails fails for those who share it, and the next one is tried', async () => {
  const answers = [Promise.reject(new Error('away')), Promise.resolve('there')];
  const ask = shareNext(() => answers.shift() ?? Promise.reject(new Error('none')));
  const [first, second] = await Promise.allSettled([ask(), ask()]);
  expect([first.status, second]).toEqual(['rejected', { status: 'fulfilled', value: 'there' }]);
});
