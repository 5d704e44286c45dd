import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { AgentAnswer, AgentCall, AgentConnections } from '../../activities/agent/index.ts';
import { createLeaderClient } from './client.ts';
import { KEY, openLeader } from './testing/open-leader.ts';

const address = { world: 'w', agentId: 'a' };

const asked = (signal = new AbortController().signal): AgentCall => ({
  runId: 'run_1',
  message: { run_id: 'run_1', inputs: { n: [1, null] } },
  timeoutMs: 60_000,
  signal,
});

/** Agents that never answer; a call ends when it is aborted. */
const silent = () => {
  const called = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const call: AgentConnections['call'] = (_, { signal }) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        aborted.resolve();
        resolve({ kind: 'none', code: 'aborted', message: 'aborted over there' });
      });
      called.resolve();
    });
  return { agents: { call }, called: called.promise, aborted: aborted.promise };
};

describe('agents that are connected to the process that writes', () => {
  test.each<[string, AgentAnswer]>([
    ['outputs', { kind: 'outputs', outputs: { a: [1, { b: null }] } }],
    ['null', { kind: 'outputs', outputs: null }],
    ['an error', { kind: 'error', message: 'no', retry: true }],
    ['nothing', { kind: 'none', code: 'timeout', message: 'late' }],
    ['nothing, for our own fault', { kind: 'none', code: 'stopping', message: 'stopping', ours: true }],
  ])('are asked, and their answer is given as it is: %s', async (_, answer) => {
    const calls: unknown[] = [];
    await using leader = await openLeader({
      agents: {
        call: async (address, { signal: _signal, ...call }) => {
          calls.push({ address, ...call });
          return answer;
        },
      },
    });
    const { signal: _signal, ...call } = asked();
    expect(await leader.client.agents.call(address, asked())).toEqual(answer);
    expect(calls).toEqual([{ address, ...call }]);
  });

  test('are told when the attempt is aborted', async () => {
    const { agents, called, aborted } = silent();
    await using leader = await openLeader({ agents });
    const controller = new AbortController();
    const answer = leader.client.agents.call(address, asked(controller.signal));
    await called;
    controller.abort();
    expect(await answer).toMatchObject({ kind: 'none', code: 'aborted' });
    await aborted;
    expect(await leader.client.agents.call(address, asked(controller.signal))).toMatchObject({
      code: 'aborted',
    });
  });

  test('are not to blame for a lost connection, and learn of it', async () => {
    const { agents, called, aborted } = silent();
    await using leader = await openLeader({ agents });
    const answer = leader.client.agents.call(address, asked());
    await called;
    leader.cut();
    expect(await answer).toMatchObject({ kind: 'none', code: 'disconnected', ours: true });
    await aborted;
  });

  test('are not to blame when the server closes, which does not wait for them', async () => {
    const { agents, called } = silent();
    await using leader = await openLeader({ agents });
    const answer = leader.client.agents.call(address, asked());
    await called;
    await leader.server.close(600_000);
    expect(await answer).toMatchObject({ kind: 'none', code: 'stopping', ours: true });
  });

  test('are not to blame when nobody answers at all', async () => {
    const { agents } = silent();
    await using leader = await openLeader({ agents: { call: (where, call) => agents.call(where, call) } });
    const answer = leader.client.agents.call(address, { ...asked(), timeoutMs: 1 });
    expect(await answer).toMatchObject({ kind: 'none', ours: true });
  });

  test('are not to blame when nobody writes, or the client is closed', async () => {
    await using leader = await openLeader({}, { opened: false });
    expect(await leader.client.agents.call(address, asked())).toMatchObject({ kind: 'none', ours: true });
    await leader.client.close();
    expect(await leader.client.agents.call(address, asked())).toMatchObject({ kind: 'none', ours: true });
  });

  test.each<[string, (res: ServerResponse) => void]>([
    ['says nothing', (res) => res.end()],
    ['says something else', (res) => res.end('{"answer":{"kind":"maybe"}}')],
    ['answers as something else', (res) => res.writeHead(302, { location: '/' }).end()],
  ])('are not to blame for a server that %s', async (_, answer) => {
    const node = createServer((_req, res) => answer(res)).listen(0, '127.0.0.1');
    await once(node, 'listening');
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    const client = createLeaderClient({ url, key: KEY });
    expect(await client.agents.call(address, asked())).toMatchObject({ kind: 'none', ours: true });
    await client.close();
    node.close();
  });

  test.each([
    '{}',
    '{"address":{"world":"w"},"run_id":"r","message":{},"timeout_ms":1}',
    '{"address":{"world":"w","agentId":"a"},"run_id":"r","message":[],"timeout_ms":1}',
    '{"address":{"world":"w","agentId":"a"},"run_id":"r","message":{},"timeout_ms":0}',
    '{"address":{"world":"w","agentId":"a"},"run_id":"r","message":{},"timeout_ms":1e12}',
  ])('are not asked for %s', async (body) => {
    await using leader = await openLeader();
    expect((await leader.ask('POST', '/internal/v1/agents/call', { body })).status).toBe(422);
  });
});
