import { describe, expect, test } from 'vitest';
import { sampleEvent } from '../../../test/support/sample-events.ts';
import { CrucibleError } from '../../kernel/errors.ts';
import type { LeadingLog } from '../create-log.ts';
import type { AppendRequest, AppendResult } from '../log.ts';
import { createCommitFeed } from './commit-feed.ts';
import type { SentAppend } from './leader.ts';
import { createSentAppends } from './sent-appends.ts';
import { failure } from '../../kernel/testing/failure.ts';
import { events, openWriting } from './testing/open-log.ts';

const open = async (options: {
  readonly append?: (log: LeadingLog, request: AppendRequest) => Promise<AppendResult>;
  readonly remembered?: { answers: number; bytes: number; ids: number };
}) => {
  const log = await openWriting();
  const feed = createCommitFeed({ log, everySecond: () => () => undefined });
  const { append = (its, request) => its.append(request), remembered } = options;
  const appends = createSentAppends({
    log: { append: (request) => append(log, request) },
    feed,
    ...(remembered !== undefined && { remembered }),
  });
  return { log, appends };
};

const sending = (id: string, request: SentAppend['request'] = events(1), epoch = 1): SentAppend => ({
  id,
  epoch,
  request,
});

describe('what followers send', () => {
  test('is appended once for each id, sent twice at a time or later; its answer names the commit', async () => {
    const { log, appends } = await open({});
    const [first, twice] = await Promise.all([appends.append(sending('a')), appends.append(sending('a'))]);
    expect(first).toMatchObject({ sequence: 1, duplicates: [false] });
    expect(twice).toEqual(first);
    expect(await appends.append(sending('b'))).toMatchObject({ sequence: 2 });
    expect(await appends.append(sending('a'))).toEqual(first);
    expect(log.head()).toBe(2);
  });

  test('has failed once as well: what got no answer of the database may be written all the same', async () => {
    let calls = 0;
    const { appends, log } = await open({
      async append(its, request) {
        calls += 1;
        await its.append(request);
        throw new CrucibleError('log_unavailable', 'The database did not answer');
      },
    });
    for (let i = 0; i < 3; i += 1)
      expect((await failure(appends.append(sending('a')))).code).toBe('log_unavailable');
    expect([calls, log.head()]).toEqual([1, 1]);
  });

  test('is refused in another epoch, and with what only the writing process may give', async () => {
    const { log, appends } = await open({});
    for (const epoch of [0, 2])
      expect((await failure(appends.append(sending(`a${epoch}`, events(1), epoch)))).code).toBe('fenced');
    const change = { ...events(1), changes: [{ kind: 'hook' }] };
    expect((await failure(appends.append(sending('b', change)))).code).toBe('invalid');
    const founded = { ...events(1), after: [{ outcome: 'written' }] };
    expect((await failure(appends.append(sending('c', founded)))).code).toBe('invalid');
    expect(log.head()).toBe(0);
  });

  test('is not done again when its answer is not kept any more, by count and by bytes', async () => {
    for (const remembered of [
      { answers: 2, bytes: 1e9, ids: 3 },
      { answers: 100, bytes: 3_000, ids: 3 },
    ]) {
      const { log, appends } = await open({ remembered });
      const large = { events: [sampleEvent({ payload: { text: 'x'.repeat(1_000) } })] };
      for (const id of ['a', 'b', 'c']) await appends.append(sending(id, large));
      expect((await failure(appends.append(sending('a', large)))).code).toBe('log_unavailable');
      await appends.append(sending('c', large));
      expect(log.head()).toBe(3);
    }
  });

  test('is remembered while it is under way, however much else comes', async () => {
    const slow = Promise.withResolvers<void>();
    const { log, appends } = await open({
      remembered: { answers: 1, bytes: 1, ids: 1 },
      async append(its, request) {
        if (request.ledger === true) await slow.promise;
        return its.append(request);
      },
    });
    const request = { ...events(1), ledger: true };
    const first = appends.append(sending('slow', request));
    for (let i = 0; i < 10; i += 1) await appends.append(sending(`other${i}`));
    const again = appends.append(sending('slow', request));
    slow.resolve();
    expect(await again).toEqual(await first);
    expect(log.head()).toBe(11);
  });
});
