import { setImmediate as turn } from 'node:timers/promises';
import type { SurrealSession } from 'surrealdb';
import { describe, expect, it } from 'vitest';
import { createGatheredReads } from './gathered-reads.ts';

type Answer = { readonly success: boolean; readonly result?: unknown; readonly error?: unknown };

/** A database that answers each query when it is told to. */
const open = (atOnce: number) => {
  const queries: { readonly text: string; readonly bindings: Record<string, unknown> }[] = [];
  const answers: PromiseWithResolvers<readonly Answer[]>[] = [];
  const query = (text: string, bindings: Record<string, unknown>) => {
    queries.push({ text, bindings });
    const answer = Promise.withResolvers<readonly Answer[]>();
    answers.push(answer);
    return { responses: () => answer.promise };
  };
  const reads = createGatheredReads({ query } as unknown as Pick<SurrealSession, 'query'>, { atOnce });
  return {
    reads,
    queries,
    ids: (n: number, name: string): string => String(queries[n]?.bindings[name]),
    answer: (n: number, ...given: readonly Answer[]) => answers[n]?.resolve(given),
    fail: (n: number, error: Error) => answers[n]?.reject(error),
  };
};

const body = (id: string, n = 1): string => JSON.stringify({ id, n });
const rows = (...bodies: readonly (string | null)[]): Answer => ({ success: true, result: bodies });
const select = (name: string) => (suffix: string) => ({
  text: `SELECT ${name} $x${suffix}`,
  bindings: { [`x${suffix}`]: name },
});

describe('reads that are gathered', () => {
  it('of one turn are one query: the rows of a table one statement, each selection its own', async () => {
    const { reads, queries, ids, answer } = open(1);
    const all = Promise.all([
      reads.rows('a', ['1', '2']),
      reads.select(select('first')),
      reads.rows('b', ['1']),
      reads.rows('a', ['3', '1']),
      reads.select(select('second')),
    ]);
    await turn();
    expect(queries.map(({ text }) => text)).toEqual([
      'SELECT VALUE body FROM $ids0;\nSELECT VALUE body FROM $ids1;\nSELECT first $x_2;\nSELECT second $x_3',
    ]);
    expect([ids(0, 'ids0'), ids(0, 'ids1')]).toEqual(['a:⟨1⟩,a:⟨2⟩,a:⟨3⟩', 'b:⟨1⟩']);
    expect(queries[0]?.bindings).toMatchObject({ x_2: 'first', x_3: 'second' });
    // In any order, and one that does not exist as nothing or not at all.
    answer(0, rows(body('3'), null, body('1')), rows(), rows(body('f')), rows(body('s')));
    const found = await all;
    expect(found.map((those) => those.map(({ id }) => id))).toEqual([['1'], ['f'], [], ['3', '1'], ['s']]);
  });

  it('wait while so many queries are under way, and go out together then', async () => {
    const { reads, queries, ids, answer } = open(1);
    const first = reads.rows('a', ['1']);
    await turn();
    const second = reads.rows('a', ['2']);
    await turn();
    const third = reads.rows('a', ['3']);
    await turn();
    expect(queries).toHaveLength(1);
    answer(0, rows(body('1')));
    expect(await first).toHaveLength(1);
    await turn();
    expect(queries).toHaveLength(2);
    expect(ids(1, 'ids0')).toBe('a:⟨2⟩,a:⟨3⟩');
    answer(1, rows(body('2'), body('3')));
    expect([await second, await third]).toEqual([[{ id: '2', n: 1 }], [{ id: '3', n: 1 }]]);
  });

  it('fail each for itself, or all with their query, and the next ones go on', async () => {
    const { reads, answer, fail } = open(1);
    const some = Promise.allSettled([reads.rows('a', ['1']), reads.select(select('bad'))]);
    await turn();
    answer(0, rows(body('1')), { success: false, error: new Error('no such index') });
    expect(await some).toMatchObject([{ status: 'fulfilled' }, { reason: { message: 'no such index' } }]);
    const none = Promise.allSettled([reads.rows('a', ['1']), reads.select(select('x'))]);
    await turn();
    fail(1, new Error('gone'));
    expect(await none).toMatchObject([{ reason: { message: 'gone' } }, { reason: { message: 'gone' } }]);
    const after = reads.rows('a', ['1']);
    await turn();
    answer(2, rows(body('1', 2)));
    expect(await after).toEqual([{ id: '1', n: 2 }]);
  });

  it('that are too many for one query are several', async () => {
    const { reads, queries } = open(Infinity);
    for (let i = 0; i < 100; i += 1) void reads.select(select(`s${i}`)).catch(() => undefined);
    await turn();
    expect(queries.map(({ text }) => text.split('\n').length)).toEqual([64, 36]);
  });
});
