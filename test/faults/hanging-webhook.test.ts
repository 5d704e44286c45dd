import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRuns } from '../crash/audit.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { startReceiver } from '../support/webhooks.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ CRUCIBLE_LOG_LEVEL: 'error' });
});
afterAll(async () => stack?.[Symbol.asyncDispose]());

const WAIT = { timeout: 60_000, interval: 100 };
/** More than a worker has places for: a webhook that hangs would take them all if nothing held it back. */
const EVENTS = 700;
const AT_ONCE = 100;
const MANY = 20;

/** Nobody listens there any more. */
const deadUrl = async (): Promise<string> => {
  await using receiver = await startReceiver();
  return receiver.url;
};

test('while one webhook hangs and one is dead, the others and the hooks get everything', async () => {
  const { rest } = stack;
  await using hanging = await startReceiver(() => undefined);
  await using good = await startReceiver();
  const create = async (path: string, body: object): Promise<string> => {
    const answer = await rest('POST', path, body);
    expect(answer).toMatchObject({ status: 201 });
    return answer.body.id;
  };
  const filters = [{ event_type: 'custom.hang' }];
  // A minute is longer than this test may take: whatever waits for the one that hangs is seen to.
  const hung = await create('/webhooks', { url: hanging.url, filters, options: { timeout_ms: 60_000 } });
  const gone = await create('/webhooks', { url: await deadUrl(), filters });
  const fine = await create('/webhooks', { url: good.url, filters });
  const others: string[] = [];
  for (let n = 0; n < MANY; n += 1) {
    others.push(
      await create('/webhooks', { url: `${good.url}/${n}`, filters: [{ event_type: 'custom.beside' }] }),
    );
  }
  const trigger = { events: [{ type: 'custom.beside' }] };
  const action = { type: 'script', source: 'export default () => 1;' };
  await create('/hooks', { name: 'beside', trigger, action });

  const publish = async (type: string, count: number): Promise<string[]> => {
    const events = Array.from({ length: count }, (_, n) => ({ type, payload: { n } }));
    const { status, body } = await rest('POST', '/events', { events });
    expect(status).toBe(201);
    return body.data.map(({ id }: { id: string }) => id);
  };
  const ids: string[] = [];
  for (let sent = 0; sent < EVENTS; sent += AT_ONCE) ids.push(...(await publish('custom.hang', AT_ONCE)));
  await expect.poll(() => hanging.received.length, WAIT).toBeGreaterThan(0);
  const beside = await publish('custom.beside', 10);

  const states = async (path: string): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const { state } of await readRuns(rest, path)) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  };
  await expect.poll(() => states(`/webhooks/${fine}/deliveries`), WAIT).toEqual({ succeeded: EVENTS });
  await expect.poll(() => states('/hooks/beside/runs'), WAIT).toEqual({ succeeded: beside.length });
  for (const id of others)
    await expect.poll(() => states(`/webhooks/${id}/deliveries`), WAIT).toEqual({ succeeded: beside.length });
  const received = (at: string): string[] =>
    good.received
      .filter(({ path }) => path === at)
      .map(({ headers }) => String(headers['x-crucible-event-id']))
      .toSorted();
  expect(received('/hook')).toEqual(ids.toSorted());
  for (let n = 0; n < MANY; n += 1) expect(received(`/hook/${n}`)).toEqual(beside.toSorted());
  // The dead one is tried again later, event by event; nothing of it is lost or given up.
  const { succeeded, dead, failed, ...open } = await states(`/webhooks/${gone}/deliveries`);
  expect([succeeded, dead, failed]).toEqual([undefined, undefined, undefined]);
  expect(Object.values(open).reduce((sum, count) => sum + count, 0)).toBe(EVENTS);
  // All of that while not one delivery to the other has come to an end, and only as many as it may have are open.
  const { running = 0, pending = 0, ...ended } = await states(`/webhooks/${hung}/deliveries`);
  expect(ended).toEqual({});
  expect(running + pending).toBe(EVENTS);
  expect(hanging.received.length).toBeLessThan(EVENTS / 2);
  expect(new Set(hanging.received.map(({ headers }) => headers['webhook-id'])).size).toBe(
    hanging.received.length,
  );
});
