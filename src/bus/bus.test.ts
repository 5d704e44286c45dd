import { describe, expect, it } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { createBus } from './bus.ts';

const event = (position: number, type = 'custom.tick'): CrucibleEvent =>
  ({ position, type }) as CrucibleEvent;

const read = async (events: AsyncIterable<CrucibleEvent>, count: number): Promise<number[]> => {
  const positions: number[] = [];
  for await (const one of events) {
    positions.push(one.position);
    if (positions.length === count) break;
  }
  return positions;
};

describe('the bus', () => {
  it('gives each subscriber what it wants, in order, each once', async () => {
    const bus = createBus();
    const { signal } = new AbortController();
    const all = bus.subscribe(() => true, { signal });
    const even = bus.subscribe(({ position }) => position % 2 === 0, { signal });
    bus.publish([event(1), event(2)]);
    bus.publish([event(3), event(4)]);
    expect(await read(all, 4)).toEqual([1, 2, 3, 4]);
    expect(await read(even, 2)).toEqual([2, 4]);
  });

  it('waits for events that come later', async () => {
    const bus = createBus();
    const reading = read(
      bus.subscribe(() => true, { signal: new AbortController().signal }),
      2,
    );
    bus.publish([event(1)]);
    await Promise.resolve();
    bus.publish([event(2)]);
    expect(await reading).toEqual([1, 2]);
  });

  it('broadcasts system events and nothing else', async () => {
    const bus = createBus();
    const heard = bus.broadcasts({ signal: new AbortController().signal });
    bus.publish([event(1), event(2, 'system.started'), event(3, 'system.shutdown')]);
    expect(await read(heard, 2)).toEqual([2, 3]);
  });

  it('tells a slow subscriber that it fell behind, after what was waiting, and leaves the others alone', async () => {
    const bus = createBus();
    const { signal } = new AbortController();
    const slow = bus.subscribe(() => true, { signal, capacity: 2 });
    const fast = bus.subscribe(() => true, { signal });
    bus.publish([event(1), event(2), event(3)]);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const one of slow) seen.push(one.position);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'overloaded' });
    expect(seen).toEqual([1, 2]);
    expect(await read(fast, 3)).toEqual([1, 2, 3]);
  });

  it('ends by signal, by leaving the loop, and by close', async () => {
    const bus = createBus();
    const controller = new AbortController();
    const aborted = read(
      bus.subscribe(() => true, { signal: controller.signal }),
      5,
    );
    const left = read(
      bus.subscribe(() => true, { signal: new AbortController().signal }),
      1,
    );
    const closed = read(
      bus.subscribe(() => true, { signal: new AbortController().signal }),
      5,
    );
    bus.publish([event(1)]);
    controller.abort();
    expect(await aborted).toEqual([1]);
    expect(await left).toEqual([1]);
    bus.close();
    expect(await closed).toEqual([1]);
    expect(bus.subscribers).toBe(0);
  });

  it('keeps order over many events and moves its queue along', async () => {
    const bus = createBus();
    const reading = read(
      bus.subscribe(() => true, { signal: new AbortController().signal }),
      5_000,
    );
    for (let position = 1; position <= 5_000; position += 1) bus.publish([event(position)]);
    expect(await reading).toEqual(Array.from({ length: 5_000 }, (_, index) => index + 1));
  });
});
