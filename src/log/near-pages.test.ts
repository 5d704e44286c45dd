import { expect, test } from 'vitest';
import { sampleEvent } from '../../test/support/sample-events.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createLog, idleReactor } from './create-log.ts';
import type { Log } from './log.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from './memory-store.ts';

/** Of many types, so that a page of one of them reaches far back. */
const TYPES = Array.from({ length: 20 }, (_, n) => `custom.type-${n}`);

const open = async (disk: MemoryDisk): Promise<{ readonly log: Log; readonly scans: [number, number][] }> => {
  const scans: [number, number][] = [];
  const inner = createMemoryStore({ tables: [], disk });
  const log = await createLog({
    store: {
      ...inner,
      scan(from, to) {
        scans.push([from, to]);
        return inner.scan(from, to);
      },
    },
    reactor: idleReactor,
    clock: { now: () => 1_000 },
    logger: silentLogger,
  });
  return { log, scans };
};

test('a page of what was committed a moment ago asks no store, and is what the store would say', async () => {
  const disk = createMemoryDisk();
  const first = await open(disk);
  for (let n = 0; n < 40; n += 1)
    await first.log.append({ events: [1, 2, 3, 4, 5].map(() => sampleEvent()) });
  const queries = [
    { limit: 10, order: 'desc' },
    { limit: 10, order: 'desc', before: 101 },
    { limit: 7, order: 'asc', after: 33, before: 38 },
    { limit: 100, order: 'asc', after: 197 },
  ] as const;
  const pages = [];
  for (const query of queries) pages.push(await first.log.query(query));
  expect(first.scans).toEqual([]);
  expect(pages.map(({ data }) => data.map(({ position }) => position))).toEqual([
    [200, 199, 198, 197, 196, 195, 194, 193, 192, 191],
    [100, 99, 98, 97, 96, 95, 94, 93, 92, 91],
    [34, 35, 36, 37],
    [198, 199, 200],
  ]);
  await first.log.close();

  // Opened again, nothing is in memory, and events before and after that are in two places.
  const second = await open(disk);
  const stored = [];
  for (const query of queries) stored.push(await second.log.query(query));
  expect(second.scans.length).toBeGreaterThan(0);
  expect(stored.map(({ data }) => data)).toEqual(pages.map(({ data }) => data));
  await second.log.append({ events: [sampleEvent()] });
  const across = await second.log.query({ limit: 3, order: 'desc' });
  expect(across.data.map(({ position }) => position)).toEqual([201, 200, 199]);
  await second.log.close();
});

test('a page of one or two of many types is found in memory, however far back, and is what the store would say', async () => {
  const disk = createMemoryDisk();
  const first = await open(disk);
  for (let n = 0; n < 500; n += 1)
    await first.log.append({
      events: TYPES.slice(n % 10).map((type) => sampleEvent({ type, actor: `user:${n % 3}` })),
    });
  const head = first.log.head();
  const [rare = '', common = ''] = [TYPES[0], TYPES[19]];
  const queries = [
    { types: [rare], limit: 200, order: 'desc' },
    { types: [rare], limit: 20, order: 'asc' },
    { types: [common, rare], limit: 50, order: 'desc', before: head - 1_000 },
    { types: [rare], actor: 'user:1', limit: 10, order: 'desc' },
    { types: [rare], actor: 'user:1', limit: 10, order: 'asc', after: 3_000 },
    { types: ['custom.none'], limit: 10, order: 'desc' },
  ] as const;
  const pages = [];
  for (const query of queries) pages.push(await first.log.query(query));
  expect(first.scans).toEqual([]);
  expect(pages.map(({ data }) => data.length)).toEqual([50, 20, 50, 10, 10, 0]);
  await first.log.close();

  const second = await open(disk);
  for (const [n, query] of queries.entries()) {
    const { data, next_cursor: cursor } = await second.log.query(query);
    expect(data).toEqual(pages[n]?.data);
    expect(cursor === null).toBe(pages[n]?.next_cursor === null);
  }
  expect(second.scans.length).toBeGreaterThan(0);
  await second.log.append({ events: [sampleEvent({ type: rare })] });
  const across = await second.log.query({ types: [rare], limit: 60, order: 'desc' });
  expect(across.data.map(({ position }) => position)).toEqual([
    head + 1,
    ...(pages[0]?.data.map(({ position }) => position) ?? []),
  ]);
  await second.log.close();
});

test('an event is found by its id, in memory or in the store', async () => {
  const disk = createMemoryDisk();
  const first = await open(disk);
  const { events } = await first.log.append({ events: [sampleEvent(), sampleEvent()] });
  for (const event of events) expect(await first.log.get(event.id)).toEqual(event);
  await first.log.close();
  const second = await open(disk);
  for (const event of events) expect(await second.log.get(event.id)).toEqual(event);
  expect(await second.log.get('evt_none')).toBeUndefined();
  await second.log.close();
});
