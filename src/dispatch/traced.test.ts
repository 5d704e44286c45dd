import { describe, expect, it } from 'vitest';
import type { ActionOutcome } from './outcome.ts';
import { openDrains } from './testing/open-drains.ts';

const AWAY: ActionOutcome = { kind: 'retryable', code: 'http_503', message: 'away', detail: {} };
const SUCCESS: ActionOutcome = { kind: 'succeeded', detail: {} };

type Dispatch = Awaited<ReturnType<typeof openDrains>>;

/** Its only run, as it is now. */
const onlyRun = async (d: Dispatch) => {
  const [run, ...more] = await d.runs();
  if (run === undefined || more.length > 0) throw new Error('there is not one run');
  return run;
};
/** Makes the next attempt of the run, as Temporal has it made for runs that start directly, or for the drain. */
const WAYS = {
  direct: async (d: Dispatch) => {
    const run = await onlyRun(d);
    const { signal } = new AbortController();
    const ask = { run_id: run.id, generation: run.generation, attempt: run.attempts + 1 };
    // Of two executions of the same attempt one is recorded.
    await Promise.all([1, 2].map(() => d.attempts({ ...ask, temporalRunId: 't1', signal })));
  },
  drained: async (d: Dispatch) => {
    await d.work('hook:a');
  },
};
const toldOf = async (d: Dispatch) =>
  (await d.log.query({ types: ['hook.triggered', 'hook.executed', 'hook.failed'], order: 'asc' })).data;

describe.each(['direct', 'drained'] as const)('a run of a hook with options.trace, %s', (way) => {
  const open = async (traced: boolean): Promise<Dispatch> => {
    const d = await openDrains({ traced, room: way === 'direct' ? 3 : 0 });
    d.drains.start();
    await d.settle();
    await d.publish('hook:a', 1);
    expect((await onlyRun(d)).workflow_id === null).toBe(way === 'drained');
    return d;
  };

  it('is told of once for each run, with its first attempt', async () => {
    const d = await open(true);
    const outcomes = [AWAY, SUCCESS];
    d.act.once = () => Promise.resolve(outcomes[d.executed.at(-1)?.attempt === 1 ? 0 : 1] ?? SUCCESS);
    await WAYS[way](d);
    const run = await onlyRun(d);
    expect(run).toMatchObject({ state: 'retrying', attempts: 1 });
    expect(await toldOf(d)).toMatchObject([
      {
        type: 'hook.triggered',
        subject: 'hook:a',
        causation_id: run.event_id,
        depth: 1,
        payload: { hook: 'a', run_id: run.id, event_id: run.event_id, event_type: 'custom.a.tick' },
      },
    ]);
    d.advance(1_000);
    await WAYS[way](d);
    expect(await onlyRun(d)).toMatchObject({ state: 'succeeded', attempts: 2 });
    expect((await toldOf(d)).map(({ type }) => type)).toEqual(['hook.triggered', 'hook.executed']);
  });

  it('stands before the end, in the commit of it', async () => {
    const d = await open(true);
    const before = d.log.head();
    await WAYS[way](d);
    const told = await toldOf(d);
    expect(told.map(({ type }) => type)).toEqual(['hook.triggered', 'hook.executed']);
    expect(told.map(({ position }) => position)).toEqual([before + 1, before + 2]);
  });

  it('is told of by its end alone when nobody asked for more', async () => {
    const d = await open(false);
    await WAYS[way](d);
    expect((await toldOf(d)).map(({ type }) => type)).toEqual(['hook.executed']);
  });
});
