import { expect, test, vi } from 'vitest';
import { committed } from '../events/testing/events.ts';
import type { Committed } from '../log/log.ts';
import { createFanOut, type Recipient } from './fan-out.ts';
import { framesOf } from './frames.ts';

const listening = () => {
  let listener: ((committed: Committed) => void) | undefined;
  const log = {
    head: () => 41,
    onCommit: (given: (committed: Committed) => void) => {
      listener = given;
      return () => undefined;
    },
  };
  const commit = (...events: Committed['events']): void =>
    listener?.({ batch: 'cmt_1', events, reactions: [], changed: [], removed: [] });
  return { log, commit };
};

test('equal filters are compiled once and looked at once an event, in whatever spelling, until nobody has them', () => {
  const { log, commit } = listening();
  const fanOut = createFanOut(log);
  const filters = fanOut.share([{ event_type: 'custom.note.imported' }]);
  expect(fanOut.share([{ event_type: 'Custom.Note.Imported' }])).toBe(filters);
  const match = vi.spyOn(filters.compiled, 'match');
  const given: unknown[] = [];
  const recipient = (): Recipient => ({
    deliver: (frames, matches) => given.push([frames, matches.ids]),
    flush: () => undefined,
  });
  const both = recipient();
  fanOut.join({ id: 's0', filters, worlds: undefined }, both);
  fanOut.join({ id: 's1', filters, worlds: undefined }, both);
  fanOut.join({ id: 's0', filters, worlds: ['default'] }, recipient());
  fanOut.join({ id: 's0', filters, worlds: ['other'] }, recipient());
  commit(committed('custom.note.imported', {}));
  expect(match).toHaveBeenCalledTimes(1);
  expect(given).toEqual([
    [expect.anything(), ['s0', 's1']],
    [expect.anything(), ['s0']],
  ]);
  expect(fanOut.position()).toBe(42);
  fanOut.release(filters);
  expect(fanOut.distinct).toBe(1);
  fanOut.release(filters);
  expect(fanOut.distinct).toBe(0);
});

test('an event is serialised once for all, and its message made once for all that name their subscriptions alike', () => {
  const toJSON = vi.fn<() => object>(() => ({ toJSON: 1 }));
  const frames = framesOf(committed('custom.note.imported', { toJSON } as never));
  const one = frames.of(['a']);
  expect(frames.of(['a'])).toBe(one);
  expect(JSON.parse(frames.of(['a', '"b']).toString())).toMatchObject({
    type: 'event',
    subscriptions: ['a', '"b'],
    event: { position: 42, payload: { toJSON: 1 } },
  });
  expect(toJSON).toHaveBeenCalledTimes(1);
});
