import { afterAll, beforeAll, expect, it } from 'vitest';
import { streamEvents } from '../../src/client/stream.ts';
import { startServer, TEST_KEY } from '../support/server-process.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** The stream as a program reads it, over a stop and a kill of the whole server. */

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.[Symbol.asyncDispose]());

it('goes on behind the last event after the server was stopped and killed, without a gap or a repeat', async () => {
  const port = Number(new URL(stack.server.url).port);
  const stop = new AbortController();
  const notes: unknown[] = [];
  const notices: string[] = [];
  const reading = (async () => {
    const events = streamEvents(
      { url: stack.server.url, key: TEST_KEY },
      {
        filters: [{ event_type: 'custom.note.imported' }],
        after: 0,
        signal: stop.signal,
        backoff: { first: 50, most: 200 },
        onNotice: (notice) => notices.push(notice),
      },
    );
    for await (const { payload } of events) notes.push(payload['n']);
  })();
  const publish = async (url: string, n: number): Promise<void> => {
    const { status } = await fetch(`${url}/api/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'custom.note.imported', payload: { n } }),
    });
    expect(status).toBe(201);
  };
  const arrived = (n: number) => expect.poll(() => notes.at(-1), { timeout: 30_000 }).toBe(n);
  const start = () =>
    startServer({ dataDir: stack.dir, temporal: stack.temporal, env: { CRUCIBLE_PORT: String(port) } });

  await publish(stack.server.url, 1);
  await arrived(1);
  expect(await stack.server.stop()).toBe(0);
  await expect.poll(() => notices.join(), { timeout: 10_000 }).toContain('1012');

  const second = await start();
  await publish(second.url, 2);
  await arrived(2);
  await publish(second.url, 3);
  await second.kill();

  await using third = await start();
  await publish(third.url, 4);
  await arrived(4);
  expect(notes).toEqual([1, 2, 3, 4]);
  stop.abort();
  await reading;
});
