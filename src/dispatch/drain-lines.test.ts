import { describe, expect, it } from 'vitest';
import { CrucibleError } from '../kernel/errors.ts';
import type { DrainLines, DrainPlace } from './drain-place.ts';
import type { ActionOutcome } from './outcome.ts';
import { openDrains } from './testing/open-drains.ts';

const SUCCESS: ActionOutcome = { kind: 'succeeded', detail: {} };

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** The lines as they are seen over a wire: every word takes its time, there and back, and the wire may be cut. */
const createWire = () => {
  const wire = { cut: false, turns: 3, asked: [] as (keyof DrainPlace)[] };
  const lost = (): CrucibleError => new CrucibleError('log_unavailable', 'the connection was lost');
  const said = async <T>(what: keyof DrainPlace, ask: () => Promise<T>): Promise<T> => {
    wire.asked.push(what);
    await turns(wire.turns);
    if (wire.cut) throw lost();
    const answer = await ask();
    await turns(wire.turns);
    if (wire.cut) throw lost();
    return answer;
  };
  const over = (lines: DrainLines): DrainLines => ({
    take: async (target, onMove) => {
      // What is told of its own accord comes later than answers.
      const place = await lines.take(target, () => void turns(5 * wire.turns).then(onMove));
      return (
        place && {
          mark: () => said('mark', () => place.mark()),
          sleep: (...mark) => said('sleep', () => place.sleep(...mark)),
          directWaits: (order) => said('directWaits', () => place.directWaits(order)),
          leave: () => place.leave(),
        }
      );
    },
    stopped: false,
  });
  return { wire, over };
};

describe('a place at a line', () => {
  it('of an activity that was taken for dead cannot put the drain to sleep while another is at work', async () => {
    const d = await openDrains();
    await d.publish('hook:a', 1);
    const before = await d.lines.take('hook:a', () => undefined);
    const now = await d.lines.take('hook:a', () => undefined);
    if (before === undefined || now === undefined) throw new Error('both are taken');
    expect(await before.sleep(await before.mark(), null)).toBe(false);
    before.leave();
    expect(await now.sleep(await now.mark(), null)).toBe(true);
    now.leave();
    d.pokes.length = 0;
    await d.publish('hook:a', 1);
    await d.settle();
    expect(d.pokes).toEqual(['hook:a']);
  });

  it('tells the last one that took it of what joins', async () => {
    const d = await openDrains();
    const told: string[] = [];
    const before = await d.lines.take('hook:a', () => told.push('before'));
    await d.lines.take('hook:a', () => told.push('now'));
    before?.leave();
    before?.leave();
    await d.publish('hook:a', 1);
    expect(told).toEqual(['now']);
  });

  it('is not given any more when the process stops', async () => {
    const d = await openDrains();
    await d.drains.stop();
    expect(d.lines.stopped).toBe(true);
    expect(await d.lines.take('hook:a', () => undefined)).toBeUndefined();
  });
});

describe('a drain that works far from the one that pokes', () => {
  it('works each run once, in order, and none that joins is forgotten, however late it is told of it', async () => {
    for (const late of [0, 1, 3]) {
      // The last one joins at every moment of an activity: before its reads, between them and its going to sleep, after it.
      for (let moment = 0; moment < 60; moment += 1) {
        const { wire, over } = createWire();
        wire.turns = late;
        const d = await openDrains({ over });
        d.drains.start();
        await d.settle();
        await d.publish('hook:a', 3);
        let workflows = 0;
        /** As Temporal does it: a poke begins an activity, unless one is at work. */
        const temporal = async (): Promise<void> => {
          while (d.pokes.length > 0) {
            d.pokes.length = 0;
            workflows += 1;
            await d.work('hook:a', `t${workflows}`);
            await d.settle();
          }
        };
        await d.settle();
        const atWork = temporal();
        await turns(moment);
        await d.publish('hook:a', 1);
        await atWork;
        await d.settle();
        await temporal();
        const runs = await d.runs();
        expect(runs.map(({ state }) => state)).toEqual(runs.map(() => 'succeeded'));
        expect(d.executed.map(({ run }) => run.id)).toEqual(runs.map(({ id }) => id));
        expect(d.drains.hasBacklog('hook:a')).toBe(false);
      }
    }
  });

  it('asks once a claim for the runs that start directly, and not for each run', async () => {
    const { wire, over } = createWire();
    const d = await openDrains({ over, maxInFlight: 64 });
    await d.publish('hook:a', 200);
    expect((await d.work('hook:a')).run_ids).toHaveLength(200);
    const { length: claims } = wire.asked.filter((what) => what === 'mark');
    expect(claims).toBeLessThan(10);
    expect(wire.asked.filter((what) => what === 'directWaits').length).toBeLessThanOrEqual(claims);
  });

  it('begins those before the one that waits, and it and the rest when it has started', async () => {
    const { over } = createWire();
    const d = await openDrains({ over });
    await d.publish('hook:a', 6);
    const runs = await d.runs();
    d.direct.waits = `${runs[3]?.order}~`;
    const working = d.work('hook:a');
    await turns(200);
    expect(d.executed.map(({ run }) => run.id)).toEqual(runs.slice(0, 4).map(({ id }) => id));
    d.direct.waits = undefined;
    d.drains.nudge('hook:a');
    expect((await working).run_ids).toEqual(runs.map(({ id }) => id));
  });

  it('says every few seconds that it lives, however long its actions take', async () => {
    const { wire, over } = createWire();
    const d = await openDrains({ over });
    d.drains.start();
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 1);
    const working = d.work('hook:a');
    await turns(60);
    wire.asked.length = 0;
    d.pokes.length = 0;
    for (let second = 0; second < 30; second += 1) {
      d.advance(1_000);
      d.tick();
      await turns(10);
      await d.drains.heal();
    }
    expect(d.pokes).toEqual([]);
    expect(wire.asked.filter((what) => what === 'mark').length).toBeLessThan(10);
    gate.resolve(SUCCESS);
    await working;
  });

  it('fails when the wire is cut, and what it has not recorded is the next one’s', async () => {
    const { wire, over } = createWire();
    const d = await openDrains({ over });
    const gate = Promise.withResolvers<ActionOutcome>();
    d.act.once = () => gate.promise;
    await d.publish('hook:a', 10);
    const lost = d.work('hook:a', 't1', 1);
    await turns(60);
    expect(d.executed).toHaveLength(4);
    wire.cut = true;
    gate.resolve(SUCCESS);
    await expect(lost).rejects.toMatchObject({ code: 'log_unavailable' });
    wire.cut = false;
    await d.work('hook:a', 't1', 2);
    expect((await d.runs()).map(({ state }) => state)).toEqual(Array.from({ length: 10 }, () => 'succeeded'));
    const { length: ended } = await d.terminalEvents();
    expect(ended).toBe(10);
    // What had been recorded is not executed again.
    expect(d.executed).toHaveLength(10);
  });
});
