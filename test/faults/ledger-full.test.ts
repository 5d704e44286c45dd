import { expect, test } from 'vitest';
import { openAttempts } from '../../src/dispatch/testing/open-attempts.ts';
import { createLiveRuns } from '../../src/dispatch/live-runs.ts';
import { createPolicies } from '../../src/dispatch/policies.ts';
import { CrucibleError, type ErrorCode } from '../../src/kernel/errors.ts';
import type { Log } from '../../src/log/log.ts';
import { openWebhooks, startReceiver } from '../support/webhooks.ts';

/** The log, which refuses the first records of attempts with these codes. */
const refusing = (log: Log, codes: ErrorCode[]): Log => ({
  ...log,
  append: (request) => {
    const records = request.mutations?.some(
      (mutation) => mutation.op === 'patch' && 'attempts' in mutation.set,
    );
    const code = records === true ? codes.shift() : undefined;
    return code === undefined ? log.append(request) : Promise.reject(new CrucibleError(code, 'planted'));
  },
});

test('a delivery that the ledger has no room for at first is recorded later, and not sent again', async () => {
  await using world = await openWebhooks();
  await using sink = await startReceiver();
  const filters = [{ event_type: 'custom.note.imported' }];
  const { webhook } = await world.service.create({ url: sink.url, filters });
  await world.publish();
  const run = await world.newestRun(webhook.id);

  const pauses: number[] = [];
  const codes: ErrorCode[] = ['overloaded', 'overloaded', 'log_unavailable', 'overloaded'];
  const attempts = openAttempts({
    log: refusing(world.log, codes),
    policies: createPolicies(world.log.records, { webhook: world.executor }),
    live: createLiveRuns(),
    clock: world.clock,
    sleep: (pauseMs) => {
      pauses.push(pauseMs);
      return Promise.resolve();
    },
  });
  const answer = await attempts({
    run_id: run.id,
    generation: 0,
    attempt: 1,
    temporalRunId: 'tr_1',
    signal: new AbortController().signal,
  });

  expect(answer).toMatchObject({ next: 'done', state: 'succeeded' });
  expect(codes).toEqual([]);
  expect(sink.received).toHaveLength(1);
  // Each refusal is followed by a longer pause: a full queue is not made fuller.
  expect(pauses).toEqual([50, 100, 200, 400]);
  expect(await world.newestRun(webhook.id)).toMatchObject({ state: 'succeeded', attempts: 1 });
  const told = await world.log.query({ types: ['webhook.delivered'], order: 'asc' });
  expect(told.data).toMatchObject([{ payload: { run_id: run.id } }]);
});
