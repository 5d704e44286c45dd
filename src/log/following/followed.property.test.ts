import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLogger } from '../../kernel/logger.ts';
import type { AppendRequest, Committed } from '../log.ts';
import { createMemoryDisk } from '../memory-store.ts';
import { openFollowedLog, type FollowedLog } from './followed-log.ts';
import { clock, events, openDisk, openWriting, turn } from './testing/open-log.ts';
import { createNearLeader, impatient } from './testing/pair.ts';

type Step =
  | {
      readonly do: 'append';
      readonly by: 'writing' | number;
      readonly request: AppendRequest;
      readonly wait: boolean;
    }
  | { readonly do: 'cut' | 'turn' | 'tick' | 'begin' }
  | { readonly do: 'lose'; readonly what: 'answer' | 'request' };

const FOLLOWERS = 2;

const requests: fc.Arbitrary<AppendRequest> = fc.oneof(
  fc.integer({ min: 1, max: 3 }).map((count) => events(count)),
  fc.nat(3).map((n): AppendRequest => ({
    events: [],
    mutations: [{ op: 'put', table: 'thing', row: { id: `t${n}`, n } }],
  })),
  fc.nat(3).map((n): AppendRequest => ({
    events: events(1).events,
    mutations: [
      { op: 'put', table: 'thing', row: { id: `t${n}` } },
      { op: 'remove', table: 'thing', id: `t${n}` },
    ],
  })),
);

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        by: fc.oneof(fc.constant('writing' as const), fc.nat(FOLLOWERS - 1)),
        request: requests,
        wait: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom('cut', 'turn', 'tick', 'begin').map((step) => ({ do: step }) as const),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('answer', 'request').map((what) => ({ do: 'lose', what }) as const),
    },
  ),
  { maxLength: 40 },
);

/*
 * Whoever appends, however often connections are cut and answers are lost: each follower is told of the same commits as
 * the one that writes, each once, in order; every append is there once; and an answer shows what it has written.
 */
test('followers are told of what the one that writes has committed, each commit once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const disk = createMemoryDisk();
      const given = { epoch: 1, clock, logger: silentLogger, after: impatient };
      const writing = await openWriting(openDisk(disk));
      const leader = createNearLeader(writing);
      const committed: Committed[] = [];
      writing.onCommit((its) => committed.push(its));
      const followers = await Promise.all(
        Array.from({ length: FOLLOWERS }, async () => {
          const log = await openFollowedLog({ ...given, store: openDisk(disk), leader });
          const told: Committed[] = [];
          log.onCommit((its) => told.push(its));
          return { log, told };
        }),
      );
      const logs: FollowedLog[] = followers.map(({ log }) => log);
      // The last one begins in the midst of it.
      await logs[0]?.begin();
      let late = logs[1];

      let appended = 0;
      const pending: Promise<void>[] = [];
      const append = async ({ by, request }: Extract<Step, { do: 'append' }>): Promise<void> => {
        const log = by === 'writing' ? writing : logs[by];
        if (log === undefined || log === late) return;
        const fresh = request.events.map((event) => ({ ...event, id: `${event.id}-${appended}` }));
        appended += fresh.length;
        const { events: stored } = await log.append({ ...request, events: fresh });
        expect(log.head()).toBeGreaterThanOrEqual(stored.at(-1)?.position ?? 0);
        for (const { position } of stored) expect(await log.at(position)).toBeDefined();
      };
      for (const step of plan) {
        if (step.do === 'append') {
          const appending = append(step);
          pending.push(appending);
          if (step.wait) await appending;
        } else if (step.do === 'begin') {
          await late?.begin();
          late = undefined;
        } else if (step.do === 'lose') leader.loseNext(step.what);
        else if (step.do === 'turn') await turn();
        else leader[step.do]();
      }
      await Promise.all(pending);
      await late?.begin();
      await Promise.all(logs.map((log) => log.settled()));

      expect(writing.head()).toBe(appended);
      for (const { log, told } of followers) {
        expect(told).toEqual(committed);
        expect([log.head(), log.applied()]).toEqual([writing.head(), committed.length]);
        expect(log.problem()).toBeUndefined();
        await log.close();
      }
      leader.close();
    }),
    { numRuns: 300 },
  );
});
