import { describe, expect, it } from 'vitest';
import type { ClaimPolicy } from './claim-policy.ts';
import type { ActionOutcome } from './outcome.ts';
import { openDrains } from './testing/open-drains.ts';
import { decideMode } from './mode.ts';
import { RUN_TABLE } from './run.ts';

const SUCCESS: ActionOutcome = { kind: 'succeeded', detail: {} };
const AWAY: ActionOutcome = { kind: 'retryable', code: 'http_503', message: 'away', detail: {} };

describe('the way a run takes', () => {
  it('is direct while its lane has room, and the drain from the first one on that has none', async () => {
    const d = await openDrains({ room: 3 });
    d.drains.start();
    await d.settle();
    await d.publish('hook:a', 10);
    const runs = await d.runs();
    expect(runs.map(({ workflow_id }) => workflow_id === null)).toEqual([
      ...Array.from({ length: 3 }, () => false),
      ...Array.from({ length: 7 }, () => true),
    ]);
    for (const { claim, start, order, workflow_id: id, sweep_at } of runs) {
      expect(claim).toBe(id === null ? order : undefined);
      expect(start).toBe(id === null ? undefined : order);
      expect(sweep_at === null).toBe(id === null);
    }
    await d.settle();
    expect(d.pokes).toEqual(['hook:a']);
    // The backlog is there still, so one more joins it although the group has room; another target is not concerned.
    await d.publish('hook:a', 1);
    await d.publish('hook:b', 1);
    const [ofA, ofB] = (await d.runs()).slice(-2);
    expect(ofA?.workflow_id).toBeNull();
    expect(ofB?.workflow_id).not.toBeNull();
    // Worked off: direct again, at once.
    await d.work('hook:a');
    await d.publish('hook:a', 1);
    expect((await d.runs()).at(-1)?.workflow_id).not.toBeNull();
  });

  it('waits for the drain until the lines of an earlier process were read', async () => {
    const d = await openDrains({ room: 3 });
    await d.publish('hook:a', 1);
    expect((await d.runs())[0]?.workflow_id).toBeNull();
  });

  it('once taken to the drain, the others of the group follow', () => {
    expect(decideMode(8, { direct: 2, drain: 0 }, false)).toBe('direct');
    expect(decideMode(8, { direct: 2, drain: 1 }, false)).toBe('drain');
    expect(decideMode(8, { direct: 8, drain: 0 }, false)).toBe('drain');
    expect(decideMode(8, { direct: 0, drain: 0 }, true)).toBe('drain');
  });
});

describe('the drain of a target', () => {
  it('works its line in order, each run once, and falls asleep', async () => {
    const d = await openDrains();
    await d.publish('hook:a', 50);
    await d.publish('hook:b', 3);
    const answer = await d.work('hook:a');
    const runs = (await d.runs()).filter(({ target }) => target === 'hook:a');
    expect(answer).toEqual({ next: 'asleep', delay_ms: 0, run_ids: runs.map(({ id }) => id) });
    expect(d.executed.map(({ run }) => run.id)).toEqual(answer.run_ids);
    for (const run of runs) {
      expect(run).toMatchObject({
        state: 'succeeded',
        workflow_id: 'drain:hook:a',
        temporal_run_id: 't1',
        claim: null,
        attempts: 1,
      });
    }
    expect((await d.terminalEvents()).toSorted()).toEqual(answer.run_ids.toSorted());
    expect((await d.runs()).filter(({ target }) => target === 'hook:b').map(({ state }) => state)).toEqual([
      'pending',
      'pending',
      'pending',
    ]);
  });

  it('never has more actions under way than it has slots, and fills each as it becomes free', async () => {
    const d = await openDrains();
    const gates: (() => void)[] = [];
    let under = 0;
    let most = 0;
    d.act.once = async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise<void>((resolve) => gates.push(resolve));
      under -= 1;
      return SUCCESS;
    };
    await d.publish('hook:a', 20);
    const working = d.work('hook:a');
    let opened = 0;
    while (opened < 20) {
      await d.settle();
      expect(under).toBe(Math.min(4, 20 - opened));
      gates.shift()?.();
      opened += 1;
    }
    expect((await working).run_ids).toHaveLength(20);
    expect(most).toBe(4);
  });

  it('claims at most a pack, and says that there is more', async () => {
    const d = await openDrains({ packMax: 7 });
    await d.publish('hook:a', 20);
    expect((await d.work('hook:a', 't1', 1)).next).toBe('again');
    expect((await d.work('hook:a', 't1', 2)).next).toBe('again');
    const last = await d.work('hook:a', 't1', 3);
    expect(last.next).toBe('asleep');
    expect(last.run_ids).toHaveLength(6);
    expect(d.executed).toHaveLength(20);
  });

  it('writes two rows a run and few commits: those that end while one is written share the next', async () => {
    const d = await openDrains({ maxInFlight: 64, packMax: 5_000 });
    await d.publish('hook:a', 1_000);
    await d.publish('hook:a', 1_000);
    expect(d.written.rows).toBeLessThan(2_010);
    const { commits } = d.written;
    expect((await d.work('hook:a')).run_ids).toHaveLength(2_000);
    // The runs' own, and whose line it is.
    expect(d.written.rows).toBeLessThan(4_010);
    expect(d.written.commits - commits).toBeLessThan(2_000 / 50);
  });

  it('gives a run that is to be tried again back to its line, and finds it when it is due', async () => {
    const d = await openDrains();
    d.act.once = async ({ attempt }) => (attempt === 1 ? AWAY : SUCCESS);
    await d.publish('hook:a', 3);
    const first = await d.work('hook:a');
    expect(first).toMatchObject({ next: 'due', delay_ms: 1_000 });
    expect(
      (await d.runs()).map(({ state, attempts, workflow_id }) => [state, attempts, workflow_id]),
    ).toEqual(Array.from({ length: 3 }, () => ['retrying', 1, 'drain:hook:a']));
    expect(d.drains.hasBacklog('hook:a')).toBe(true);
    d.drains.start();
    await d.settle();
    expect(await d.work('hook:a', 't1', 2)).toMatchObject({ next: 'due', run_ids: [] });
    expect(d.drains.hasBacklog('hook:a')).toBe(false);
    d.advance(1_000);
    expect(await d.work('hook:a', 't1', 3)).toMatchObject({ next: 'asleep' });
    expect((await d.runs()).map(({ state, attempts }) => [state, attempts])).toEqual(
      Array.from({ length: 3 }, () => ['succeeded', 2]),
    );
    expect(await d.terminalEvents()).toHaveLength(3);
  });

  it('ends as dead when the attempts are used up', async () => {
    const d = await openDrains();
    d.act.once = async () => AWAY;
    await d.publish('hook:a', 1);
    for (let sequence = 1; sequence <= 3; sequence += 1) {
      await d.work('hook:a', 't1', sequence);
      d.advance(1_000);
    }
    expect((await d.runs())[0]).toMatchObject({ state: 'dead', attempts: 3, claim: null });
    expect(await d.terminalEvents()).toHaveLength(1);
  });

  it('takes over what an execution that is gone has left, and never executes what that one recorded', async () => {
    const d = await openDrains();
    let calls = 0;
    d.act.once = (): Promise<ActionOutcome> => {
      calls += 1;
      return calls <= 5 ? Promise.resolve(SUCCESS) : new Promise<ActionOutcome>(() => undefined);
    };
    await d.publish('hook:a', 12);
    void d.work('hook:a', 't1', 1);
    await d.settle();
    const recorded = (await d.runs()).filter(({ state }) => state === 'succeeded').map(({ id }) => id);
    expect(recorded).toHaveLength(5);
    d.act.once = () => Promise.resolve(SUCCESS);
    const begun = d.executed.length;
    const answer = await d.work('hook:a', 't2', 1);
    expect(answer.next).toBe('asleep');
    const again = d.executed.slice(begun).map(({ run }) => run.id);
    expect(again.filter((id) => recorded.includes(id))).toEqual([]);
    expect((await d.runs()).every(({ state }) => state === 'succeeded')).toBe(true);
    expect(new Set(await d.terminalEvents()).size).toBe(12);
    expect(await d.terminalEvents()).toHaveLength(12);
  });

  it('does not record for one whose claim was taken over', async () => {
    const d = await openDrains();
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 1);
    const lost = d.work('hook:a', 't1', 1);
    await d.settle();
    d.act.once = () => Promise.resolve(SUCCESS);
    await d.work('hook:a', 't2', 1);
    gate.resolve(AWAY);
    await expect(lost).rejects.toMatchObject({ code: 'conflict' });
    expect((await d.runs())[0]).toMatchObject({ state: 'succeeded', temporal_run_id: 't2', attempts: 1 });
  });

  it('is refused the record of an action that was under way when the line was taken over', async () => {
    const d = await openDrains();
    const before = Promise.withResolvers<ActionOutcome>();
    const after = Promise.withResolvers<ActionOutcome>();
    d.act.once = ({ attempt }) => {
      d.act.once = () => after.promise;
      expect(attempt).toBe(1);
      return before.promise;
    };
    await d.publish('hook:a', 1);
    const lost = d.work('hook:a', 't1', 1);
    await d.settle();
    const now = d.work('hook:a', 't2', 1);
    await d.settle();
    expect(d.executed).toHaveLength(2);
    before.resolve(SUCCESS);
    await expect(lost).rejects.toMatchObject({ code: 'conflict' });
    expect((await d.runs())[0]).toMatchObject({ state: 'pending', attempts: 0 });
    after.resolve(SUCCESS);
    await now;
    expect((await d.runs())[0]).toMatchObject({ state: 'succeeded', temporal_run_id: 't2', attempts: 1 });
    expect(await d.terminalEvents()).toHaveLength(1);
  });

  it('begins nothing more once another execution of the same activity has taken the line', async () => {
    const d = await openDrains();
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 20);
    const silent = d.work('hook:a', 't1', 1);
    await d.settle();
    expect(d.executed).toHaveLength(4);
    await d.claims.open({ target: 'hook:a', temporalRunId: 't1', token: 't1.1.2' });
    gate.resolve(SUCCESS);
    await expect(silent).rejects.toMatchObject({ code: 'conflict' });
    expect(d.executed).toHaveLength(4);
    expect((await d.runs()).filter(({ state }) => state !== 'pending')).toEqual([]);
  });

  it('ends a run whose definition is gone, and goes on with the others', async () => {
    const d = await openDrains();
    await d.publish('hook:a', 3);
    const [first] = await d.runs();
    await d.log.append({
      events: [],
      mutations: [{ op: 'patch', table: RUN_TABLE.name, id: first?.id ?? '', set: { definition: 'gone' } }],
    });
    expect((await d.work('hook:a')).next).toBe('asleep');
    expect((await d.runs()).map(({ state, reason }) => [state, reason])).toEqual([
      ['failed', 'not_startable'],
      ['succeeded', null],
      ['succeeded', null],
    ]);
  });

  it.each([
    ['the process that writes', false],
    ['a worker of its own', true],
  ])('is told of runs that come while it works, in %s', async (_, away) => {
    const d = await openDrains();
    const { work } = away ? await d.openWorker() : d;
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 1);
    const working = work('hook:a');
    await d.settle();
    d.act.once = () => Promise.resolve(SUCCESS);
    await d.publish('hook:a', 5);
    await d.settle();
    expect(d.executed).toHaveLength(6);
    gate.resolve(SUCCESS);
    expect((await working).run_ids).toHaveLength(6);
    expect(d.pokes).toEqual(['hook:a']);
  });

  it('looks at once at what the policy has left, when a run is over', async () => {
    const oneAtATime: ClaimPolicy = {
      decide: ({ candidates, active }) => {
        const [next] = candidates;
        const busy = [...active.values()].some((count) => count > 0);
        return {
          verdicts: next === undefined || busy ? new Map() : new Map([[next.id, { verdict: 'take' }]]),
        };
      },
    };
    const d = await openDrains({ policy: oneAtATime });
    await d.publish('hook:a', 3);
    expect(await d.work('hook:a')).toMatchObject({
      next: 'asleep',
      run_ids: (await d.runs()).map(({ id }) => id),
    });
  });

  it('begins a run only when those that stand before it and start directly are started, however long that takes', async () => {
    const d = await openDrains();
    await d.publish('hook:a', 4);
    const runs = await d.runs();
    const begun = () => d.executed.map(({ run }) => run.id);
    // Stands between the second and the third.
    d.direct.waits = `${runs[1]?.order}~`;
    const working = d.work('hook:a');
    await d.settle();
    d.advance(20_000);
    d.tick();
    await d.settle();
    expect(begun()).toEqual(runs.slice(0, 2).map(({ id }) => id));
    d.direct.waits = undefined;
    d.drains.nudge('hook:a');
    expect(await working).toMatchObject({ next: 'asleep', run_ids: runs.map(({ id }) => id) });
    expect(begun()).toEqual(runs.map(({ id }) => id));
  });

  it('goes on in another activity when one has only waited, and has lost nothing', async () => {
    const d = await openDrains();
    await d.publish('hook:a', 2);
    d.direct.waits = '';
    const first = d.work('hook:a', 't1', 1);
    await d.settle();
    d.advance(30_000);
    d.tick();
    expect(await first).toEqual({ next: 'again', delay_ms: 0, run_ids: [] });
    d.direct.waits = undefined;
    expect((await d.work('hook:a', 't1', 2)).run_ids).toHaveLength(2);
  });

  it('tries again what was begun, whatever is to start directly meanwhile', async () => {
    const d = await openDrains();
    d.act.once = async ({ attempt }) => (attempt === 1 ? AWAY : SUCCESS);
    await d.publish('hook:a', 1);
    expect(await d.work('hook:a', 't1', 1)).toMatchObject({ next: 'due' });
    d.advance(1_000);
    d.direct.waits = '';
    expect(await d.work('hook:a', 't1', 2)).toMatchObject({ next: 'asleep' });
    expect(d.executed).toHaveLength(2);
  });

  it('reads a short line once', async () => {
    const d = await openDrains();
    await d.publish('hook:a', 3);
    const { read } = d;
    read.lines = 0;
    expect((await d.work('hook:a')).run_ids).toHaveLength(3);
    expect(read.lines).toBe(1);
  });

  it('writes a run as running when its attempt takes its time, and not otherwise', async () => {
    const d = await openDrains();
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 1);
    const working = d.work('hook:a');
    await d.settle();
    d.tick();
    await d.settle();
    expect((await d.runs())[0]).toMatchObject({ state: 'pending', workflow_id: null });
    d.advance(100);
    d.tick();
    await d.settle();
    expect((await d.runs())[0]).toMatchObject({
      state: 'running',
      workflow_id: 'drain:hook:a',
      temporal_run_id: 't1',
      started_at: 1_000_000,
    });
    gate.resolve(SUCCESS);
    await working;
    expect((await d.runs())[0]).toMatchObject({ state: 'succeeded', attempts: 1 });
  });

  it('claims no more when the process stops, and leaves the rest to the next one', async () => {
    const d = await openDrains();
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 10);
    const working = d.work('hook:a');
    await d.settle();
    await d.drains.stop();
    gate.resolve(SUCCESS);
    await expect(working).rejects.toMatchObject({ code: 'overloaded' });
    const states = (await d.runs()).map(({ state }) => state);
    expect(states.filter((state) => state === 'succeeded')).toHaveLength(4);
    await expect(d.work('hook:a', 't1', 2)).rejects.toMatchObject({ code: 'overloaded' });
  });
});

describe('waking', () => {
  it('tries again while Temporal is away, and pokes once for many', async () => {
    const d = await openDrains();
    d.temporal.away = true;
    await d.publish('hook:a', 5);
    await d.settle();
    expect(d.pokes).toEqual([]);
    d.temporal.away = false;
    d.fire();
    await d.settle();
    await d.publish('hook:a', 5);
    await d.settle();
    expect(d.pokes).toEqual(['hook:a']);
  });

  it('finds at start-up every target in whose line something stands', async () => {
    const d = await openDrains();
    await d.publish('hook:a', 2);
    await d.publish('hook:b', 2);
    await d.settle();
    d.pokes.length = 0;
    d.drains.start();
    await d.settle();
    expect(d.pokes.toSorted()).toEqual(['hook:a', 'hook:b']);
  });

  it('heals a drain that shows no sign of life, and leaves one that does', async () => {
    const d = await openDrains();
    d.drains.start();
    await d.publish('hook:a', 1);
    await d.settle();
    d.pokes.length = 0;
    await d.drains.heal();
    expect(d.pokes).toEqual([]);
    d.advance(15_000);
    await d.drains.heal();
    await d.settle();
    expect(d.pokes).toEqual(['hook:a']);
  });

  it('does not fall asleep over a run that came after the line was read', async () => {
    const d = await openDrains();
    await d.publish('hook:a', 1);
    const mark = d.drains.mark('hook:a');
    await d.publish('hook:a', 1);
    expect(d.drains.sleep('hook:a', mark, null)).toBe(false);
    expect(d.drains.sleep('hook:a', d.drains.mark('hook:a'), null)).toBe(true);
    d.pokes.length = 0;
    await d.publish('hook:a', 1);
    await d.settle();
    expect(d.pokes).toEqual(['hook:a']);
  });
});
