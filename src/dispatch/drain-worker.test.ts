import { describe, expect, it } from 'vitest';
import type { ActionOutcome } from './outcome.ts';
import { openDrains } from './testing/open-drains.ts';

const SUCCESS: ActionOutcome = { kind: 'succeeded', detail: {} };
const AWAY: ActionOutcome = { kind: 'retryable', code: 'http_503', message: 'away', detail: {} };

describe('the drain of a target in a worker that follows the log', () => {
  it('is worked in order, each run once, and falls asleep', async () => {
    const d = await openDrains();
    const worker = await d.openWorker();
    await d.publish('hook:a', 200);
    const answer = await worker.work('hook:a');
    const runs = await d.runs();
    expect(answer).toEqual({ next: 'asleep', delay_ms: 0, run_ids: runs.map(({ id }) => id) });
    expect(d.executed.map(({ run }) => run.id)).toEqual(answer.run_ids);
    expect(new Set(runs.map(({ state }) => state))).toEqual(new Set(['succeeded']));
    expect((await d.terminalEvents()).toSorted()).toEqual(answer.run_ids.toSorted());
    d.pokes.length = 0;
    await d.publish('hook:a', 1);
    await d.settle();
    expect(d.pokes).toEqual(['hook:a']);
  });

  it('keeps its line from its first moment on, and begins nothing more when another has it', async () => {
    const d = await openDrains();
    const worker = await d.openWorker();
    const claim = await worker.claims.open({ target: 'hook:a', temporalRunId: 't1', token: 't1.1.1' });
    expect(claim.lost()).toBe(false);
    await d.claims.open({ target: 'hook:a', temporalRunId: 't2', token: 't2.1.1' });
    await d.settle();
    expect(claim.lost()).toBe(true);
  });

  it('is taken over by another process, and none of its runs is recorded twice', async () => {
    const d = await openDrains();
    const worker = await d.openWorker();
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 20);
    const silent = worker.work('hook:a', 't1');
    await d.settle();
    expect(d.executed).toHaveLength(4);
    d.act.once = () => Promise.resolve(SUCCESS);
    // Temporal has heard nothing of it for too long.
    expect(await d.work('hook:a', 't2')).toMatchObject({ next: 'asleep' });
    gate.resolve(AWAY);
    await expect(silent).rejects.toMatchObject({ code: 'conflict' });
    expect(d.executed).toHaveLength(24);
    expect((await d.runs()).map(({ state, attempts }) => [state, attempts])).toEqual(
      Array.from({ length: 20 }, () => ['succeeded', 1]),
    );
    expect(await d.terminalEvents()).toHaveLength(20);
  });

  it('makes no attempt that is recorded, however late it is told of it', async () => {
    const d = await openDrains();
    const worker = await d.openWorker();
    await d.publish('hook:a', 1);
    await d.work('hook:a', 't1');
    const [run] = await d.runs();
    const { signal } = new AbortController();
    // In the turn of the acknowledgement: what it follows has not come yet.
    const again = worker.attempts({
      run_id: run?.id ?? '',
      generation: 0,
      attempt: 1,
      temporalRunId: 't2',
      signal,
    });
    expect(await again).toMatchObject({ next: 'done', state: 'succeeded' });
    expect(d.executed).toHaveLength(1);
  });

  it('fails when the one that writes is gone, and is worked by the next one', async () => {
    const d = await openDrains();
    const worker = await d.openWorker();
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 10);
    const working = worker.work('hook:a', 't1');
    await d.settle();
    worker.leader.close();
    gate.resolve(SUCCESS);
    await expect(working).rejects.toMatchObject({ code: 'fenced' });
    d.act.once = () => Promise.resolve(SUCCESS);
    expect(await d.work('hook:a', 't2')).toMatchObject({ next: 'asleep' });
    expect(new Set((await d.runs()).map(({ state }) => state))).toEqual(new Set(['succeeded']));
    expect(await d.terminalEvents()).toHaveLength(10);
  });
});
