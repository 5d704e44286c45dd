import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { restOf, type Rest } from '../support/rest.ts';
import { TEST_KEY } from '../support/server-process.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Agents, rooms and worlds through the API, as clients see them. */

let stack: Stack;
let rest: Rest;
beforeAll(async () => {
  stack = await startStack();
  ({ rest } = stack);
});
afterAll(() => stack?.[Symbol.asyncDispose]());

const IN_LAB = { 'x-crucible-world': 'lab' };
const echo = { name: 'echo', handler: { type: 'script', code: 'export default ({ inputs }) => inputs;' } };
const register = (name: string, headers: Record<string, string> = {}) =>
  rest('POST', '/agents', { name, actions: [echo] }, headers);
const typesSince = async (position: number): Promise<string[]> =>
  (await rest('GET', `/events?order=asc&after=${position}&limit=1000`)).body.data.map(
    ({ type }: { type: string }) => type,
  );
const head = async (): Promise<number> => (await rest('GET', '/events?limit=1')).body.data[0].position;

describe('an agent', () => {
  it('is made, read, listed and removed, each within its world', async () => {
    const made = await register('Web Search');
    expect([made.status, made.body]).toMatchObject([
      201,
      { id: 'web-search', world: 'default', version: '1.0.0', actions: [{ name: 'echo', inputs: null }] },
    ]);
    expect((await rest('GET', '/agents/web-search')).body).toEqual(made.body);
    expect((await rest('GET', '/agents/web-search', undefined, IN_LAB)).status).toBe(404);
    expect((await register('web search')).body).toMatchObject({ code: 'already_exists', status: 409 });
    expect((await register('Web Search', IN_LAB)).body).toMatchObject({ id: 'web-search', world: 'lab' });
    await register('b');
    const { body: page } = await rest('GET', '/agents?limit=1');
    expect(page.data).toMatchObject([{ id: 'b' }]);
    expect((await rest('GET', `/agents?limit=1&cursor=${page.next_cursor}`)).body).toMatchObject({
      data: [{ id: 'web-search' }],
    });
    const before = await head();
    expect((await rest('DELETE', '/agents/b', { reason: 'done' })).status).toBe(204);
    expect((await rest('DELETE', '/agents/b')).status).toBe(404);
    expect(await typesSince(before)).toEqual(['agent.unregistered', 'graph.node_removed']);
  });

  it('is a node of the graph while it is registered', async () => {
    await register('Noded');
    expect((await rest('GET', '/graph/nodes/agent:noded')).body).toMatchObject({
      id: 'agent:noded',
      kind: 'agent',
      label: 'Noded',
    });
    await rest('DELETE', '/agents/noded');
    expect((await rest('GET', '/graph/nodes/agent:noded')).status).toBe(404);
  });

  it('that is wrong is refused with everything that is wrong with it', async () => {
    const { status, body } = await rest('POST', '/agents', {
      name: 'x',
      actions: [
        { name: 'a', handler: { type: 'script', code: 'export default ({{' } },
        { name: 'b', handler: { type: 'http', url: 'http://169.254.169.254/' }, inputs: { type: 'strin' } },
      ],
    });
    expect([status, body.errors.map(({ path }: { path: string }) => path)]).toEqual([
      422,
      ['actions.0.handler.code', 'actions.1.handler.url', 'actions.1.inputs'],
    ]);
    const shape = await rest('POST', '/agents', { nam: 'x', actions: [{ name: '/', handler: {} }] });
    expect([shape.status, shape.body.code]).toEqual([422, 'invalid']);
  });

  it('is registered once under a key, and acts once under a key', async () => {
    const key = { 'idempotency-key': 'k1' };
    const [first, second] = [await register('Once', key), await register('Once', key)];
    expect([second.status, second.body]).toEqual([201, first.body]);
    const act = () => rest('POST', '/agents/once/actions', { action: 'echo', inputs: { a: 1 } }, key);
    const [one, two] = await Promise.all([act(), act()]);
    expect(one.body.run_id).toBe(two.body.run_id ?? one.body.run_id);
    expect((await act()).body).toMatchObject({
      run_id: one.body.run_id ?? two.body.run_id,
      outputs: { a: 1 },
    });
    expect(
      (await rest('POST', '/agents/once/actions', { action: 'echo', inputs: { a: 2 } }, key)).body.code,
    ).toBe('idempotency_key_reused');
  });

  it('is the same over tRPC', async () => {
    const client = createClient({ url: stack.server.url, key: TEST_KEY });
    await client.agents.register.mutate({ name: 'typed', actions: [] });
    expect(await client.agents.get.query({ id: 'typed' })).toMatchObject({ id: 'typed', rooms: [] });
  });

  it('needs the permission that the route says', async () => {
    const { body } = await rest('POST', '/keys', { name: 'r', role: 'reader' });
    const reader = restOf(stack.server.url, body.key);
    await register('guarded');
    expect((await reader('GET', '/agents/guarded')).status).toBe(200);
    for (const [method, path, input] of [
      ['POST', '/agents', { name: 'y' }],
      ['DELETE', '/agents/guarded', undefined],
      ['POST', '/agents/guarded/actions', { action: 'echo' }],
      ['POST', '/rooms', { room: 'y' }],
      ['POST', '/worlds', { world: 'y' }],
    ] as const)
      expect([path, (await reader(method, path, input)).status]).toEqual([path, 403]);
  });
});

describe('rooms, messages and tools', () => {
  it('tell of themselves in the log', async () => {
    for (const name of ['ann', 'bob', 'cid']) await register(name);
    const before = await head();
    expect((await rest('POST', '/rooms', { room: 'hall', name: 'Hall' })).status).toBe(201);
    for (const id of ['ann', 'bob', 'cid'])
      expect((await rest('POST', `/agents/${id}/rooms`, { room: 'hall' })).status).toBe(204);
    const sent = await rest('POST', '/agents/ann/messages', { room: 'hall', content: 'hi' });
    expect([sent.status, sent.body]).toMatchObject([201, { recipients: 2 }]);
    expect((await rest('POST', '/agents/ann/messages', { to: 'bob', content: 'psst' })).status).toBe(201);
    expect(
      (await rest('POST', '/agents/ann/messages', { to: 'bob', room: 'hall', content: 'x' })).status,
    ).toBe(422);
    expect((await rest('POST', '/agents/ann/messages', { content: 'x' })).status).toBe(422);
    expect((await rest('DELETE', '/agents/cid/rooms/hall')).status).toBe(204);
    expect((await rest('POST', '/agents/cid/messages', { room: 'hall', content: 'x' })).status).toBe(403);
    expect((await rest('GET', '/rooms/hall/members')).body.data).toEqual([{ id: 'ann' }, { id: 'bob' }]);
    const parameters = { type: 'object', required: ['n'] };
    expect((await rest('POST', '/agents/ann/tools', { name: 'calc', parameters })).status).toBe(201);
    const use = { inputs: { n: 1 }, outputs: 2, duration_ms: 1.5, success: true };
    expect((await rest('POST', '/agents/ann/tools/calc/use', use)).status).toBe(201);
    expect((await rest('POST', '/agents/ann/tools/calc/use', { ...use, inputs: {} })).status).toBe(422);
    expect((await rest('GET', '/agents/ann/tools')).body).toMatchObject({
      data: [{ name: 'calc', parameters }],
    });
    expect((await rest('DELETE', '/rooms/hall')).status).toBe(204);
    expect(await typesSince(before)).toEqual([
      'system.room_created',
      'agent.joined_room',
      'agent.joined_room',
      'agent.joined_room',
      'agent.message_sent',
      'agent.message_received',
      'agent.message_received',
      'agent.message_sent',
      'agent.message_received',
      'agent.left_room',
      'agent.tool_created',
      'agent.tool_used',
      'agent.left_room',
      'agent.left_room',
      'system.room_deleted',
    ]);
    const { body } = await rest('GET', '/events?types=agent.*&room=hall&limit=100');
    expect(body.data).toHaveLength(9);
  });
});

describe('worlds', () => {
  it('are there once they are written to, and go only when they are empty', async () => {
    const inside = { 'x-crucible-world': 'cellar' };
    expect((await rest('POST', '/memory', { content: '# wine' }, inside)).status).toBe(201);
    await expect
      .poll(async () => (await rest('GET', '/worlds', undefined, inside)).body.data, { timeout: 10_000 })
      .toMatchObject([{ id: 'cellar', created: false, name: null }]);
    expect((await rest('POST', '/worlds', { world: 'cellar', name: 'Cellar' })).status).toBe(201);
    expect((await rest('POST', '/worlds', { world: 'cellar' })).status).toBe(409);
    expect((await rest('DELETE', '/worlds/cellar')).body).toMatchObject({
      code: 'conflict',
      detail: 'The world cellar still holds memories.',
    });
    const { body: memories } = await rest('GET', '/memory', undefined, inside);
    expect((await rest('DELETE', `/memory/${memories.data[0].id}`, undefined, inside)).status).toBe(204);
    // No query finds what went into another memory, but it is there.
    const sources = [];
    for (const content of ['# red', '# white'])
      sources.push((await rest('POST', '/memory', { content }, inside)).body.id);
    const { body: cuvee } = await rest('POST', '/memory/consolidate', { ids: sources }, inside);
    await rest('DELETE', `/memory/${cuvee.id}`, undefined, inside);
    expect((await rest('DELETE', '/worlds/cellar')).body.detail).toBe(
      'The world cellar still holds memories.',
    );
    for (const id of sources) await rest('DELETE', `/memory/${id}`, undefined, inside);
    await register('guest', inside);
    expect((await rest('DELETE', '/worlds/cellar')).body.detail).toBe('The world cellar still holds agents.');
    await rest('DELETE', '/agents/guest', undefined, inside);
    expect((await rest('DELETE', '/worlds/cellar')).status).toBe(204);
    expect((await rest('DELETE', '/worlds/cellar')).status).toBe(404);
    expect((await rest('DELETE', '/worlds/default')).status).toBe(409);
    const { body: ids } = await rest('GET', '/worlds?limit=1000');
    expect(ids.data.map(({ id }: { id: string }) => id)).toEqual(['default', 'lab']);
  });

  it('that credentials do not open are not there', async () => {
    const { body } = await rest('POST', '/keys', { name: 'narrow', role: 'admin', worlds: ['attic'] });
    const narrow = restOf(stack.server.url, body.key);
    expect((await narrow('GET', '/worlds')).body.data).toEqual([]);
    expect((await narrow('DELETE', '/worlds/lab')).status).toBe(404);
    expect((await narrow('POST', '/worlds', { world: 'lab' })).status).toBe(403);
    expect((await narrow('GET', '/agents')).body.data).toEqual([]);
  });
});

describe('the guide', () => {
  it('has commands that do what they say', async () => {
    const text = await readFile(new URL('../../docs/guides/agents.md', import.meta.url), 'utf8');
    const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
    const commands = blocks
      .join('')
      .replace(/^API=.*$/m, `API=${stack.server.url}/api/v1`)
      .replace(/^AUTH=.*$/m, `AUTH="Authorization: Bearer ${TEST_KEY}"`)
      .replaceAll('curl -s ', 'curl -s --fail-with-body ');
    const { stdout } = await promisify(execFile)('bash', ['-e', '-c', commands]);
    expect(stdout).toContain('"outputs":{"words":4},"error":null');
    expect((await rest('GET', '/agents/word-counter')).status).toBe(404);
  });
});
