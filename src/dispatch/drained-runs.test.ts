import { expect, it } from 'vitest';
import { CrucibleError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { buildEvent } from './build-event.ts';
import { createDrainedRuns } from './drained-runs.ts';
import { createPolicies } from './policies.ts';
import { openDrains } from './testing/open-drains.ts';

/** Works one run whose attempt ends with this failure. */
const workedWith = async (failure: CrucibleError) => {
  const d = await openDrains();
  await d.publish('hook:a', 1);
  const claim = await d.claims.open({ target: 'hook:a', temporalRunId: 't1', token: 't1.1.1' });
  const { runs } = await claim.take(1);
  const [run] = runs;
  if (run === undefined) throw new Error('nothing was claimed');
  const drained = createDrainedRuns({
    log: d.log,
    attempts: () => Promise.reject(failure),
    policies: createPolicies(d.log.records, d.executors),
    buildEvent,
    clock: d.clock,
    logger: silentLogger,
  });
  const working = drained.work({
    run,
    claim,
    temporalRunId: 't1',
    signal: new AbortController().signal,
    onBegin: () => undefined,
    onExecuted: () => undefined,
  });
  return { working, stateNow: async () => (await d.runs()).map(({ state, reason }) => [state, reason]) };
};

it('a run that can never be executed fails, and is nobody else’s trouble', async () => {
  const { working, stateNow } = await workedWith(new CrucibleError('not_found', 'its event is gone'));
  await working;
  expect(await stateNow()).toEqual([['failed', 'not_startable']]);
});

it('what is wrong with the ledger is not held against the run', async () => {
  const { working, stateNow } = await workedWith(new CrucibleError('log_unavailable', 'away'));
  await expect(working).rejects.toMatchObject({ code: 'log_unavailable' });
  expect(await stateNow()).toEqual([['pending', null]]);
});
