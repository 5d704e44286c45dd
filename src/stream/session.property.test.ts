import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ALL_PERMISSIONS } from '../access/permission.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import { committed } from '../events/testing/events.ts';
import type { Committed, Log } from '../log/log.ts';
import { createFanOut } from './fan-out.ts';
import { createSession } from './session.ts';

/*
 * A session with every wait in the hands of the test: a read of the log and the writing of what waits end when a step
 * says so. The model of a subscription is a list: the positions after its start whose type matches.
 */

const FRAME = 100;

const harness = () => {
  const events: CrucibleEvent[] = [];
  let listener: ((committed: Committed) => void) | undefined;
  const reads: (() => void)[] = [];
  const writes: (() => void)[] = [];
  let buffered = 0;
  const got = new Map<string, number[]>();
  const log: Pick<Log, 'query' | 'head' | 'firstAvailable' | 'onCommit'> = {
    head: () => events.length,
    firstAvailable: () => 1,
    onCommit: (given) => {
      listener = given;
      return () => undefined;
    },
    query: async ({ after = 0, before = Infinity, limit = 50 }) => {
      await new Promise<void>((resolve) => reads.push(resolve));
      const data = events.filter(({ position }) => position > after && position < before).slice(0, limit);
      return { data, next_cursor: null };
    },
  };
  const failures: unknown[] = [];
  const session = createSession({
    log,
    fanOut: createFanOut(log),
    principal: {
      id: 'a',
      actor: 'a',
      source: { kind: 'user', user_id: 'a' },
      worlds: undefined,
      permissions: ALL_PERMISSIONS,
    },
    worlds: undefined,
    epoch: () => null,
    limits: { maxSubscriptions: 100, maxBufferedBytes: 4 * FRAME },
    onFailure: (error) => failures.push(error),
    outlet: {
      send: (message) => {
        buffered += FRAME;
        const told = JSON.parse(message.toString()) as {
          type: string;
          subscriptions: string[];
          event: { position: number };
        };
        if (told.type !== 'event') return;
        for (const id of told.subscriptions) got.set(id, [...(got.get(id) ?? []), told.event.position]);
      },
      buffered: () => buffered,
      drained: () => (buffered === 0 ? Promise.resolve() : new Promise((resolve) => writes.push(resolve))),
      hold: () => undefined,
      release: () => undefined,
    },
  });
  return {
    session,
    got,
    failures,
    types: () => events.map(({ type }) => type),
    publish(types: readonly number[]): void {
      const added = types.map((type, n) =>
        committed(`custom.t${type}`, {}, { position: events.length + n + 1 }),
      );
      events.push(...added);
      listener?.({ batch: 'cmt_1', events: added, reactions: [], changed: [], removed: [] });
    },
    read: (): void => reads.splice(0).forEach((resolve) => resolve()),
    drain(): void {
      buffered = 0;
      writes.splice(0).forEach((resolve) => resolve());
    },
    isBusy: (): boolean => reads.length + writes.length + session.reading > 0,
  };
};

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

type Step =
  | { readonly do: 'publish'; readonly types: readonly number[] }
  | { readonly do: 'subscribe'; readonly type: number; readonly back: number | undefined }
  | { readonly do: 'unsubscribe'; readonly which: number }
  | { readonly do: 'read' | 'drain' | 'turn' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('publish' as const),
    types: fc.array(fc.nat(1), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    do: fc.constant('subscribe' as const),
    type: fc.nat(2),
    back: fc.option(fc.nat(8), { nil: undefined }),
  }),
  fc.record({ do: fc.constantFrom('read' as const, 'drain' as const, 'turn' as const) }),
  fc.record({ do: fc.constantFrom('read' as const, 'drain' as const, 'turn' as const) }),
  fc.record({ do: fc.constant('unsubscribe' as const), which: fc.nat(9) }),
);

const pattern = (type: number): string => (type === 2 ? 'custom.*' : `custom.t${type}`);

test('every matching event exactly once a subscription, in order, whatever waits for what', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const at = harness();
      const subscribed: { id: string; type: number; after: number; until: number }[] = [];
      for (const one of steps) {
        if (one.do === 'publish') at.publish(one.types);
        else if (one.do === 'read') at.read();
        else if (one.do === 'drain') at.drain();
        else if (one.do === 'turn') await turn();
        else if (one.do === 'subscribe') {
          const id = `n${subscribed.length}`;
          const head = at.types().length;
          const after = one.back === undefined ? undefined : Math.max(0, head - one.back);
          const filters = [{ event_type: pattern(one.type) }];
          at.session.subscribe({ action: 'subscribe', id, filters, ...(after !== undefined && { after }) });
          subscribed.push({ id, type: one.type, after: after ?? head, until: Infinity });
        } else if (one.do === 'unsubscribe') {
          const found = subscribed[one.which];
          if (found === undefined || found.until !== Infinity) continue;
          at.session.unsubscribe({ action: 'unsubscribe', id: found.id });
          found.until = at.got.get(found.id)?.at(-1) ?? 0;
        }
      }
      while (at.isBusy()) {
        at.read();
        at.drain();
        await turn();
      }
      for (const { id, type, after, until } of subscribed) {
        const expected = at
          .types()
          .flatMap((each, n) =>
            n + 1 > after && n + 1 <= until && (type === 2 || each === `custom.t${type}`) ? [n + 1] : [],
          );
        expect(at.got.get(id) ?? []).toEqual(expected);
      }
      expect(at.failures).toEqual([]);
      at.session.close();
    }),
    { numRuns: 2_000 },
  );
});
