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

test('while one webhook hangs, the others and the hooks get everything', async () => {
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
  const fine = await create('/webhooks', { url: good.url, filters });
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
  expect(good.received.map(({ headers }) => String(headers['x-crucible-event-id'])).toSorted()).toEqual(
    ids.toSorted(),
  );
  // All of that while not one delivery to the other has come to an end, and only as many as it may have are open.
  const { running = 0, pending = 0, ...ended } = await states(`/webhooks/${hung}/deliveries`);
  expect(ended).toEqual({});
  expect(running + pending).toBe(EVENTS);
  expect(hanging.received.length).toBeLessThan(EVENTS / 2);
  expect(new Set(hanging.received.map(({ headers }) => headers['webhook-id'])).size).toBe(
    hanging.received.length,
  );
});
