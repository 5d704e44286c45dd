import { ApplicationFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import type { AttemptAnswer, AttemptAsk } from '../src/dispatch/attempts.ts';
import { CrucibleError } from '../src/kernel/errors.ts';
import { createAttemptActivities } from './attempt.ts';

const REQUEST = { run_id: 'run_1', generation: 2, attempt: 3 };
const DONE: AttemptAnswer = { next: 'done', state: 'succeeded', reason: null };

const runIn = (environment: MockActivityEnvironment, attempts: (ask: AttemptAsk) => Promise<AttemptAnswer>) =>
  environment.run(createAttemptActivities(attempts).attempt, REQUEST);

describe('the attempt activity', () => {
  it("asks for the attempt in the name of its workflow's execution", async () => {
    const environment = new MockActivityEnvironment({
      workflowExecution: { workflowId: 'hook:a:evt_1', runId: 'temporal-run' },
    });
    let asked: AttemptAsk | undefined;
    const answer = await runIn(environment, (ask) => {
      asked = ask;
      return Promise.resolve(DONE);
    });
    expect(answer).toEqual(DONE);
    expect(asked).toMatchObject({ ...REQUEST, temporalRunId: 'temporal-run' });
  });

  it('hands a cancellation on to the action', async () => {
    const environment = new MockActivityEnvironment();
    const aborted = runIn(environment, ({ signal }) => {
      const seen = new Promise<AttemptAnswer>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
      });
      environment.cancel();
      return seen;
    });
    await expect(aborted).rejects.toThrow('stopped');
  });

  it('lets Temporal try again what our side failed at, but not what is gone', async () => {
    const away = runIn(new MockActivityEnvironment(), () =>
      Promise.reject(new CrucibleError('log_unavailable', 'away')),
    );
    await expect(away).rejects.toMatchObject({ code: 'log_unavailable' });
    const gone = runIn(new MockActivityEnvironment(), () =>
      Promise.reject(new CrucibleError('not_found', 'there is no run run_1')),
    );
    await expect(gone).rejects.toBeInstanceOf(ApplicationFailure);
    await expect(gone).rejects.toMatchObject({ nonRetryable: true, type: 'not_found' });
  });
});
