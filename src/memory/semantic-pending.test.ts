import { describe, expect, it } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { createPending, memoriesOf, takesAway } from './semantic-pending.ts';

const event = (position: number, payload: object, type = 'memory.updated'): CrucibleEvent =>
  ({ position, type, payload }) as CrucibleEvent;

const taken = (pending: ReturnType<typeof createPending>, id: string) => {
  const found = pending.first(100).find((memory) => memory.id === id);
  if (found === undefined) throw new Error(`${id} is not pending`);
  return found;
};

describe('what the index has not done yet', () => {
  it('has come as far as the first thing that is left', () => {
    const pending = createPending();
    expect(pending.reached()).toBe(0);
    pending.note(event(3, { id: 'a' }));
    pending.note(event(5, { id: 'b' }));
    pending.note(event(9, {}, 'custom.other'));
    expect([pending.size, pending.reached()]).toEqual([2, 2]);
    expect(pending.done(taken(pending, 'b'))).toBe(true);
    expect(pending.reached()).toBe(2);
    expect(pending.done(taken(pending, 'a'))).toBe(true);
    expect([pending.size, pending.reached()]).toEqual([0, 9]);
  });

  it('is not done with what changes while it is worked on', () => {
    const pending = createPending();
    pending.note(event(1, { id: 'a' }));
    pending.note(event(2, { id: 'b' }));
    const a = taken(pending, 'a');
    pending.note(event(7, { id: 'a' }));
    expect(pending.done(a)).toBe(false);
    expect(pending.first(1).map(({ id }) => id)).toEqual(['b']);
    pending.done(taken(pending, 'b'));
    expect(pending.reached()).toBe(6);
    expect(pending.done(taken(pending, 'a'))).toBe(true);
    expect(pending.done(a)).toBe(false);
    expect(pending.reached()).toBe(7);
  });

  it('has reached nothing while memories that were found without a vector are left', () => {
    const pending = createPending();
    pending.seen(40);
    pending.add('old');
    pending.add('older');
    pending.add('old');
    pending.note(event(41, { id: 'older' }));
    expect([pending.size, pending.reached()]).toEqual([2, undefined]);
    pending.done(taken(pending, 'old'));
    expect(pending.reached()).toBe(40);
    pending.done(taken(pending, 'older'));
    expect(pending.reached()).toBe(41);
  });

  it('knows the memories of each event', () => {
    expect(memoriesOf(event(1, { id: 'a' }, 'memory.created'))).toEqual(['a']);
    expect(memoriesOf(event(1, { id: 'a', merged: ['b', 'c'] }, 'memory.consolidated'))).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(memoriesOf(event(1, { ids: ['b', 'c'], count: 2 }, 'memory.pruned'))).toEqual(['b', 'c']);
    expect(memoriesOf(event(1, { id: 'a', tag: '#x' }, 'memory.tagged'))).toEqual([]);
    expect(memoriesOf(event(1, { id: 'a' }, 'graph.node_added'))).toEqual([]);
    expect(takesAway(event(1, { id: 'a' }, 'memory.deleted'))).toBe(true);
    expect(takesAway(event(1, { id: 'a' }))).toBe(false);
  });
});
