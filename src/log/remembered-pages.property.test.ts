import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleEvent } from '../../test/support/sample-events.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createCommittedReads } from './committed-reads.ts';
import { createLog, idleReactor } from './create-log.ts';
import type { EventQuery } from './log.ts';
import { createMemoryDisk, createMemoryStore } from './memory-store.ts';
import { queryPage, type RememberedEvents } from './query.ts';
import { createRecentEvents } from './recent-events.ts';

/*
 * However much of the end of the log is in memory, a query walked through to its end gives what a plain look at all
 * events gives: also where what is in memory begins in the middle of a page, of a commit, or of what was asked for.
 */

const TYPES = ['memory.created', 'memory.tagged', 'graph.node_added', 'custom.x'];
const ACTORS = ['user:a', 'user:b'];
const WORLDS = ['default', 'lab'];

const event = fc.record({
  type: fc.constantFrom(...TYPES),
  actor: fc.constantFrom(...ACTORS),
  world: fc.constantFrom(...WORLDS),
});
const commits = fc.array(fc.array(event, { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 40 });
const place = fc.option(fc.nat({ max: 220 }), { nil: undefined });

const asked = fc
  .record({
    types: fc.option(fc.uniqueArray(fc.constantFrom(...TYPES, 'memory.*', 'custom.none'), { minLength: 1 }), {
      nil: undefined,
      freq: 5,
    }),
    actor: fc.option(fc.constantFrom(...ACTORS), { nil: undefined }),
    worlds: fc.option(fc.uniqueArray(fc.constantFrom(...WORLDS), { minLength: 1 }), { nil: undefined }),
    after: place,
    before: place,
    order: fc.constantFrom('asc' as const, 'desc' as const),
    limit: fc.integer({ min: 1, max: 30 }),
  })
  .map(
    (query) =>
      Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as EventQuery,
  );

const fits = (
  { types, actor, worlds, after = 0, before = Infinity }: EventQuery,
  of: CrucibleEvent,
): boolean =>
  (types?.some((type) => type === of.type || (type === 'memory.*' && of.type.startsWith('memory.'))) ??
    true) &&
  (actor === undefined || actor === of.actor) &&
  (worlds?.includes(of.world) ?? true) &&
  of.position > after &&
  of.position < before;

test('a query gives what there is, whatever part of it is in memory', async () => {
  let across = 0;
  await fc.assert(
    fc.asyncProperty(
      commits,
      fc.nat({ max: 120 }),
      fc.array(asked, { minLength: 1, maxLength: 6 }),
      async (given, kept, queries) => {
        const disk = createMemoryDisk();
        const store = createMemoryStore({ tables: [], disk });
        const log = await createLog({
          store,
          reactor: idleReactor,
          clock: { now: () => 1_000 },
          logger: silentLogger,
        });
        const recent = createRecentEvents({ events: kept, bytes: 1_000_000 });
        log.onCommit(({ events }) => recent.add(events, 1));
        const all: CrucibleEvent[] = [];
        for (const events of given)
          all.push(...(await log.append({ events: events.map((of) => sampleEvent(of)) })).events);
        const reads = createCommittedReads(store, { head: log.head, firstAvailable: () => 1 }, (of) => of);
        const remembered: RememberedEvents = { first: recent.first, ofTypes: recent.ofTypes };
        if ((recent.first() ?? 1) > 1) across += 1;
        for (const query of queries) {
          const found: CrucibleEvent[] = [];
          for (let cursor: string | undefined; ;) {
            const page = await queryPage(
              reads,
              { ...query, ...(cursor === undefined ? {} : { cursor }) },
              remembered,
            );
            expect(page.data.length).toBeLessThanOrEqual(query.limit ?? 50);
            found.push(...page.data);
            if (page.next_cursor === null) break;
            cursor = page.next_cursor;
          }
          const wanted = all.filter((of) => fits(query, of));
          expect(found).toEqual(query.order === 'desc' ? wanted.toReversed() : wanted);
        }
        await log.close();
      },
    ),
    { numRuns: 300 },
  );
  // What never happened has not been tested.
  expect(across).toBeGreaterThan(50);
});
