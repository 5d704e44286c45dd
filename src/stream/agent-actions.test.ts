import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { openStream, type TestStream } from './testing/open-stream.ts';

/** With a key that is bound to the agent `bot`. */
const connectBot = async (stream: TestStream, more: { readonly scopes?: readonly string[] } = {}) => {
  const { id, key } = await stream.makeKey({ role: 'agent', ...more });
  return { id, client: await stream.connect({ headers: { authorization: `Bearer ${key}` } }) };
};
const ask = (stream: TestStream, runId: string, world = 'default') =>
  stream.agents.call(
    { world, agentId: 'bot' },
    {
      runId,
      message: { run_id: runId, action: 'go', inputs: { text: 'a b c' } },
      timeoutMs: 60_000,
      signal: new AbortController().signal,
    },
  );

test('a connection of the agent is asked, and answers; others are not asked', async () => {
  await using stream = await openStream();
  await using admin = await stream.connect();
  const { client: blind } = await connectBot(stream, { scopes: ['event:read'] });
  expect(await ask(stream, 'r0')).toMatchObject({ code: 'not_connected' });
  const { client } = await connectBot(stream);
  expect(await ask(stream, 'r0', 'lab')).toMatchObject({ code: 'not_connected' });
  const answer = ask(stream, 'r1');
  expect(await client.nextOf('action')).toEqual({
    type: 'action',
    run_id: 'r1',
    action: 'go',
    inputs: { text: 'a b c' },
  });
  for (const other of [admin, blind]) {
    other.send({ action: 'result', run_id: 'r1', outputs: 'foreign' });
    expect(await other.nextOf('error')).toMatchObject({ code: 'forbidden', request: { run_id: 'r1' } });
  }
  client.send({ action: 'result', run_id: 'r2', outputs: 'another' });
  expect(await client.nextOf('error')).toMatchObject({
    code: 'not_found',
    request: { action: 'result', run_id: 'r2' },
  });
  client.send({ action: 'result', run_id: 'r1', outputs: null });
  expect(await answer).toEqual({ kind: 'outputs', outputs: null });
});

test('a connection that breaks, or whose key is revoked, hands on what it has', async () => {
  await using stream = await openStream();
  const [first, second, third] = [
    await connectBot(stream),
    await connectBot(stream),
    await connectBot(stream),
  ];
  const answer = ask(stream, 'r1');
  await first.client.nextOf('action');
  first.client.ws.terminate();
  await second.client.nextOf('action');
  await stream.revokeKey(second.id);
  await third.client.nextOf('action');
  third.client.send({ action: 'result', run_id: 'r1', error: { message: 'no', retry: true } });
  expect(await answer).toEqual({ kind: 'error', message: 'no', retry: true });
});

test('the server stops: what is under way is handed to nobody, and counts for nothing', async () => {
  await using stream = await openStream();
  const [one, two] = [await connectBot(stream), await connectBot(stream)];
  const answer = ask(stream, 'r1');
  await one.client.nextOf('action');
  await stream.stop();
  expect(await answer).toMatchObject({ code: 'stopping', ours: true });
  expect((await two.client.closed).code).toBe(1012);
  expect(two.client.received.map(({ type }) => type)).not.toContain('action');
});

test('a connection that does not read is asked for nothing more', async () => {
  await using stream = await openStream({ limits: { maxBufferedBytes: 64 * 1024 } });
  const { client } = await connectBot(stream);
  client.ws.pause();
  let n = 0;
  // Until what waits is more than may wait: the buffers of the system come first.
  await vi.waitFor(
    async () => {
      n += 1;
      const answer = stream.agents.call(
        { world: 'default', agentId: 'bot' },
        {
          runId: `r${n}`,
          message: { run_id: `r${n}`, inputs: { text: 'x'.repeat(1_000_000) } },
          timeoutMs: 60_000,
          signal: new AbortController().signal,
        },
      );
      expect(await Promise.race([answer, Promise.resolve('held')])).toMatchObject({ code: 'not_connected' });
    },
    { timeout: 10_000, interval: 5 },
  );
  client.ws.terminate();
});

test('the agent of the guide connects, and does what it is asked', async () => {
  await using stream = await openStream();
  const { key } = await stream.makeKey({ role: 'agent' });
  const example = fileURLToPath(new URL('../../examples/stream/agent.ts', import.meta.url));
  const child = spawn(process.execPath, [example], {
    env: { PATH: process.env['PATH'], CRUCIBLE_URL: `http://127.0.0.1:${stream.port}`, KEY: key },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    expect(await ask(stream, 'r1')).toEqual({ kind: 'outputs', outputs: { words: 3 } });
  } finally {
    child.kill();
  }
});
