import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAll, readRuns } from '../crash/audit.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { startReceiver } from '../support/webhooks.ts';
import { jumpingClock } from './faulty/options.ts';

const HOUR_MS = 3_600_000;
const WAIT = { timeout: 60_000, interval: 100 };

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ CRUCIBLE_LOG_LEVEL: 'error', ...jumpingClock() });
});
afterAll(async () => stack?.[Symbol.asyncDispose]());

/** The server's clock jumps: an hour on at first, then two back. */
const jump = async (): Promise<void> => {
  const { child } = stack.server;
  if (child.stderr === null) throw new Error('the server has no stderr');
  const lines = createInterface({ input: child.stderr });
  const told = once(lines, 'line');
  child.kill('SIGUSR2');
  expect(String(await told)).toMatch(/the clock jumped/);
  lines.close();
};

test('a clock that jumps an hour either way moves no position and no time back, and delays no run', async () => {
  const { rest } = stack;
  // Each delivery fails once, so that each takes a timer.
  const failed = new Set<unknown>();
  await using sink = await startReceiver(({ headers }, response) => {
    const id = headers['webhook-id'];
    response.writeHead(failed.has(id) ? 204 : 503).end();
    failed.add(id);
  });
  const made = await rest('POST', '/webhooks', {
    url: sink.url,
    filters: [{ event_type: 'custom.tick' }],
    options: { retry: { backoff: 'fixed', initial_ms: 1_000, max_attempts: 5 } },
  });
  expect(made.status).toBe(201);
  const deliveries = `/webhooks/${made.body.id}/deliveries`;
  const trigger = { events: [{ type: 'custom.tick' }] };
  const action = { type: 'script', source: 'export default () => 1;' };
  expect((await rest('POST', '/hooks', { name: 'ticking', trigger, action })).status).toBe(201);

  const published: string[] = [];
  /** @returns the time that the log gave it */
  const publish = async (): Promise<number> => {
    const { status, body } = await rest('POST', '/events', { type: 'custom.tick', payload: {} });
    expect(status).toBe(201);
    const [{ id }] = body.data;
    published.push(id);
    return Date.parse((await rest('GET', `/events/${id}`)).body.timestamp);
  };
  const ended = async (): Promise<void> => {
    for (const path of [deliveries, '/hooks/ticking/runs']) {
      await expect
        .poll(async () => (await readRuns(rest, path)).map(({ state }) => state), WAIT)
        .toEqual(published.map(() => 'succeeded'));
    }
  };

  await publish();
  await ended();
  // In the middle of a wait for a retry, too.
  const waiting = await publish();
  await expect.poll(() => sink.received.length, WAIT).toBe(3);
  await jump();
  const later = await publish();
  expect(later - waiting).toBeGreaterThan(HOUR_MS / 2);
  await ended();
  const alsoWaiting = await publish();
  await expect.poll(() => sink.received.length, WAIT).toBe(7);
  await jump();
  const back = await publish();
  // Two hours back: the log's time stands until the clock has caught up.
  expect(back).toBeGreaterThanOrEqual(alsoWaiting);
  await ended();

  const events = await readAll(rest);
  expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
  const times = events.map(({ timestamp }) => Date.parse(timestamp));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  // One retry each, by a timer that the jump neither skipped nor drew out.
  for (const { id } of await readRuns(rest, deliveries)) {
    const run = (await rest('GET', `/runs/${id}`)).body;
    expect(run.attempts).toHaveLength(2);
    for (const { duration_ms: durationMs } of run.attempts) expect(durationMs).toBeLessThan(HOUR_MS / 2);
  }
});
