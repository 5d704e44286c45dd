/*
 * The bus to 1 and 100 in-process subscribers, until the last of them has read the last event, against an EventEmitter
 * that calls as many listeners. `node bench/bus.ts`; results in `bench/results/bus.json`.
 */
import { EventEmitter } from 'node:events';
import { createBus } from '../src/bus/bus.ts';
import type { CrucibleEvent } from '../src/events/envelope.ts';
import { compare, report } from './support/compare.ts';

const EVENTS_A_ROUND = 20_000;
const EVENTS_A_COMMIT = 100;

const event = { type: 'custom.bench.tick' } as CrucibleEvent;
const commit = Array.from({ length: EVENTS_A_COMMIT }, () => event);
const commits = EVENTS_A_ROUND / EVENTS_A_COMMIT;

/** @returns deliveries a second */
const throughBus = async (subscribers: number): Promise<number> => {
  const bus = createBus();
  const { signal } = new AbortController();
  const readers = Array.from({ length: subscribers }, async () => {
    let left = EVENTS_A_ROUND;
    for await (const _ of bus.subscribe(() => true, { signal, capacity: EVENTS_A_ROUND })) {
      left -= 1;
      if (left === 0) return;
    }
  });
  const start = performance.now();
  for (let n = 0; n < commits; n += 1) bus.publish(commit);
  await Promise.all(readers);
  return (EVENTS_A_ROUND * subscribers * 1_000) / (performance.now() - start);
};

const throughEmitter = (subscribers: number): number => {
  const emitter = new EventEmitter().setMaxListeners(0);
  let delivered = 0;
  for (let n = 0; n < subscribers; n += 1) emitter.on('event', () => (delivered += 1));
  const start = performance.now();
  for (let n = 0; n < commits; n += 1) for (const each of commit) emitter.emit('event', each);
  return (delivered * 1_000) / (performance.now() - start);
};

const fanOut = (subscribers: number) =>
  compare({
    figure: `fan-out to ${subscribers}`,
    unit: 'deliveries/s',
    contenders: [
      { name: 'bus, read as AsyncIterable', round: () => throughBus(subscribers) },
      { name: 'EventEmitter, called', round: async () => throughEmitter(subscribers) },
    ],
  });

report('bus', {
  settings: { events_a_round: EVENTS_A_ROUND, events_a_commit: EVENTS_A_COMMIT },
  comparisons: [await fanOut(1), await fanOut(100)],
  targets: [],
  packages: [],
});
