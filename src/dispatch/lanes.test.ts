import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLanes } from './lanes.ts';
import type { Run } from './run.ts';

const run = (id: string, target: string): Run => ({ id, target }) as Run;

describe('lanes', () => {
  it('starts one run of a target at a time, and no more than may be open', () => {
    const lanes = createLanes({ capacity: 10, laneCapacity: 10, maxOpen: 2 });
    for (const id of ['a1', 'a2', 'a3']) lanes.add(run(id, 'a'));
    const first = lanes.take();
    expect(first?.id).toBe('a1');
    expect(lanes.take()).toBeUndefined();
    lanes.started(run('a1', 'a'));
    expect(lanes.take()?.id).toBe('a2');
    lanes.started(run('a2', 'a'));
    expect(lanes.take()).toBeUndefined();
    lanes.release('a1');
    expect(lanes.take()?.id).toBe('a3');
  });

  it('puts a run whose start failed back to the head of its lane', () => {
    const lanes = createLanes({ capacity: 10, laneCapacity: 10, maxOpen: 2 });
    lanes.add(run('a1', 'a'));
    lanes.add(run('a2', 'a'));
    const taken = lanes.take();
    if (taken !== undefined) lanes.putBack(taken);
    expect(lanes.take()?.id).toBe('a1');
  });

  it('knows whether a run waits or is being started that stands before another in the log', () => {
    const lanes = createLanes({ capacity: 10, laneCapacity: 10, maxOpen: 1 });
    const [first, second] = ['1', '2'].map((order) => Object.assign(run(`a${order}`, 'a'), { order }));
    if (first === undefined || second === undefined) throw new Error('two');
    lanes.add(first);
    lanes.add(second);
    const before = (...orders: readonly string[]) => orders.map((order) => lanes.waitsBefore('a', order));
    expect(before('1', '11', '21')).toEqual([false, true, true]);
    lanes.take();
    expect(before('1', '11', '21')).toEqual([false, true, true]);
    lanes.started(first);
    expect(before('11', '2', '21')).toEqual([false, false, true]);
    lanes.release('a1');
    lanes.take();
    lanes.started(second);
    expect(before('21')).toEqual([false]);
    expect(lanes.waitsBefore('b', '9')).toBe(false);
  });

  it('a run that ended before its start was acknowledged takes no place', () => {
    const lanes = createLanes({ capacity: 10, laneCapacity: 10, maxOpen: 1 });
    lanes.add(run('a1', 'a'));
    lanes.add(run('a2', 'a'));
    lanes.take();
    lanes.release('a1');
    lanes.started(run('a1', 'a'));
    expect(lanes.open).toBe(0);
    expect(lanes.take()?.id).toBe('a2');
  });

  it('a run that waits again before its first start was acknowledged waits on', () => {
    const lanes = createLanes({ capacity: 10, laneCapacity: 10, maxOpen: 1 });
    lanes.add(run('a1', 'a'));
    lanes.take();
    lanes.release('a1');
    lanes.add(run('a1', 'a'));
    lanes.started(run('a1', 'a'));
    expect([lanes.open, lanes.waiting, lanes.isOpen('a1')]).toEqual([0, 1, false]);
    expect(lanes.take()?.id).toBe('a1');
  });

  it('does not put back a run that ended although its start seemed to fail', () => {
    const lanes = createLanes({ capacity: 10, laneCapacity: 10, maxOpen: 1 });
    lanes.add(run('a1', 'a'));
    lanes.take();
    lanes.release('a1');
    lanes.putBack(run('a1', 'a'));
    expect([lanes.waiting, lanes.targets]).toEqual([0, 0]);
  });

  it('keeps nothing of a target that has nothing here', () => {
    const lanes = createLanes({ capacity: 10, laneCapacity: 10, maxOpen: 1 });
    for (const target of ['a', 'b', 'c']) lanes.add(run(`${target}1`, target));
    expect(lanes.targets).toBe(3);
    const taken = lanes.take();
    if (taken !== undefined) lanes.started(taken);
    for (const target of ['a', 'b', 'c']) lanes.release(`${target}1`);
    expect(lanes.targets).toBe(0);
  });

  it('refuses a run that is here already, and one more than fit', () => {
    const lanes = createLanes({ capacity: 1, laneCapacity: 1, maxOpen: 1 });
    expect(lanes.add(run('a1', 'a'))).toBe(true);
    expect(lanes.add(run('a1', 'a'))).toBe(false);
    expect(lanes.add(run('a2', 'a'))).toBe(false);
  });

  it('whatever happens: order within a target, bounds held, nothing started twice or lost', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), target: fc.constantFrom('a', 'b', 'c') }),
      fc.record({
        kind: fc.constantFrom('take' as const, 'started' as const, 'back' as const, 'release' as const),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const lanes = createLanes({ capacity: 1_000, laneCapacity: 1_000, maxOpen: 3 });
        const starting: Run[] = [];
        const open: Run[] = [];
        const startedInOrder = new Map<string, string[]>();
        let made = 0;
        let released = 0;
        for (const one of steps) {
          if (one.kind === 'add') {
            made += 1;
            lanes.add(run(String(made).padStart(4, '0'), one.target));
          } else if (one.kind === 'take') {
            const taken = lanes.take();
            if (taken !== undefined) starting.push(taken);
          } else if (one.kind === 'started') {
            const next = starting.shift();
            if (next === undefined) continue;
            lanes.started(next);
            open.push(next);
            startedInOrder.set(next.target, [...(startedInOrder.get(next.target) ?? []), next.id]);
          } else if (one.kind === 'back') {
            const next = starting.shift();
            if (next !== undefined) lanes.putBack(next);
          } else {
            const next = open.shift();
            if (next === undefined) continue;
            lanes.release(next.id);
            released += 1;
          }
          for (const target of ['a', 'b', 'c']) {
            expect(open.filter((each) => each.target === target).length).toBeLessThanOrEqual(3);
          }
          expect(lanes.open).toBe(open.length);
          expect(lanes.waiting + starting.length + open.length + released).toBe(made);
        }
        for (const ids of startedInOrder.values()) expect(ids).toEqual([...new Set(ids)].toSorted());
      }),
    );
  });
});
