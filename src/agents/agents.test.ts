import { describe, expect, test } from 'vitest';
import { agentIdOf } from './ids.ts';
import { agentInputSchema } from './input.ts';
import { openAgents } from '../../test/support/open-agents.ts';

const script = (code = 'export default ({ inputs }) => inputs;') => ({ type: 'script', code });
const searcher = (more: object = {}): object => ({
  name: 'Web Search',
  version: '2.1.0',
  capabilities: ['search'],
  actions: [{ name: 'echo', handler: script() }],
  metadata: { owner: 'alice' },
  ...more,
});
const withAction = (action: object) => searcher({ actions: [{ name: 'a', handler: script(), ...action }] });

test('ids are made of names, and may stand in a URL', () => {
  expect(
    ['Web search', '  Ünïcode—Tools! ', 'a_b.c', 'x'.repeat(80), '日本語'].map((name) => agentIdOf(name)),
  ).toEqual([
    'web-search',
    'unicode-tools',
    'a-b-c',
    'x'.repeat(64),
    expect.stringMatching(/^agent-[0-9a-f]{12}$/),
  ]);
  expect(agentIdOf('日本語')).not.toBe(agentIdOf('日本'));
});

describe('an agent', () => {
  test('is there once it is registered: read, listed, told, a node of the graph', async () => {
    await using a = await openAgents();
    const made = await a.register(searcher());
    expect(made).toMatchObject({
      id: 'web-search',
      world: 'default',
      name: 'Web Search',
      version: '2.1.0',
      rooms: [],
    });
    expect(await a.agents.get('default', 'web-search')).toEqual(made);
    expect(await a.agents.list('default', { limit: 10 })).toEqual([made]);
    expect(await a.events()).toMatchObject([
      {
        type: 'agent.registered',
        subject: 'agent:web-search',
        actor: 'user:alice',
        payload: {
          agent_id: 'web-search',
          name: 'Web Search',
          version: '2.1.0',
          metadata: { owner: 'alice' },
        },
      },
      { type: 'graph.node_added', payload: { id: 'agent:web-search', kind: 'agent', label: 'Web Search' } },
    ]);
  });

  test('has its id for itself, in its world', async () => {
    await using a = await openAgents();
    await a.register(searcher());
    await expect(a.register(searcher({ name: 'web-SEARCH' }))).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining('"web-search"'),
    });
    const other = await a.as('lab', () => a.agents.register(agentInputSchema.parse(searcher())));
    expect(other.world).toBe('lab');
    await a.as('lab', () => a.agents.unregister('web-search'));
    await expect(a.agents.get('lab', 'web-search')).rejects.toMatchObject({ code: 'not_found' });
    expect((await a.agents.get('default', 'web-search')).id).toBe('web-search');
    expect((await a.events('agent.registered')).map(({ world }) => world)).toEqual(['default', 'lab']);
  });

  test('takes everything along when it goes, and can come again', async () => {
    await using a = await openAgents();
    await a.register(searcher());
    await a.as('default', async () => {
      await a.rooms.create({ room: 'research' });
      await a.rooms.join('web-search', 'research');
      await a.tools.create('web-search', { name: 'lookup' });
      await a.agents.unregister('web-search', { reason: 'shut down' });
      await expect(a.agents.unregister('web-search')).rejects.toMatchObject({ code: 'not_found' });
    });
    expect(await a.rooms.list('default', { limit: 10 })).toMatchObject([{ id: 'research', members: 0 }]);
    expect((await a.events()).slice(-3)).toMatchObject([
      { type: 'agent.left_room', room: 'research', payload: { reason: 'unregistered' } },
      { type: 'agent.unregistered', payload: { agent_id: 'web-search', reason: 'shut down' } },
      { type: 'graph.node_removed', payload: { id: 'agent:web-search' } },
    ]);
    await a.register(searcher());
    expect(await a.tools.list('default', 'web-search', { limit: 10 })).toEqual([]);
  });

  test('is listed page by page, within its world', async () => {
    await using a = await openAgents();
    for (const name of ['c', 'a', 'b']) await a.register(searcher({ name }));
    await a.as('default0', () => a.agents.register(agentInputSchema.parse(searcher({ name: 'z' }))));
    const first = await a.agents.list('default', { limit: 2 });
    expect(first.map(({ id }) => id)).toEqual(['a', 'b']);
    expect((await a.agents.list('default', { after: 'b', limit: 2 })).map(({ id }) => id)).toEqual(['c']);
  });

  test('is matched again after a restart', async () => {
    const first = await openAgents();
    await first.register(searcher());
    await first[Symbol.asyncDispose]();
    await using again = await openAgents({ disk: first.disk });
    const { state } = await again.as('default', () =>
      again.actions.execute('web-search', { action: 'echo', inputs: {} }, { waitMs: 0 }),
    );
    expect(state).toBe('pending');
  });
});

describe('what is wrong with an agent', () => {
  test.each<[string, object, string]>([
    ['a script that does not parse', { handler: script('export default ({{') }, 'actions.0.handler.code'],
    ['an address inside', { handler: { type: 'http', url: 'http://10.0.0.1/' } }, 'actions.0.handler.url'],
    ['a scheme', { handler: { type: 'http', url: 'file:///etc/passwd' } }, 'actions.0.handler.url'],
    [
      'a template in the URL',
      { handler: { type: 'http', url: 'http://127.0.0.1/{{ secrets.X }}' } },
      'actions.0.handler.url',
    ],
    [
      'a credential in the clear',
      { handler: { type: 'http', url: 'http://127.0.0.1/', headers: { Authorization: 'Bearer x' } } },
      'actions.0.handler.headers.Authorization',
    ],
    [
      'a credential that only looks like a template',
      { handler: { type: 'http', url: 'http://127.0.0.1/', headers: { 'X-Api-Key': '{{ "x" }}' } } },
      'actions.0.handler.headers.X-Api-Key',
    ],
    [
      'a template that names an event',
      { handler: { type: 'http', url: 'http://127.0.0.1/', headers: { 'x-a': '{{ event.id }}' } } },
      'actions.0.handler.headers.x-a',
    ],
    ['a schema that is none', { inputs: { type: 'strin' } }, 'actions.0.inputs'],
    ['a schema that is fetched', { outputs: { $ref: 'https://example.org/s' } }, 'actions.0.outputs.$ref'],
  ])('is told: %s', async (_name, action, path) => {
    await using a = await openAgents();
    await expect(a.register(withAction(action))).rejects.toMatchObject({
      code: 'invalid',
      issues: [expect.objectContaining({ path })],
    });
    expect(a.log.head()).toBe(0);
  });

  test('is told all at once', async () => {
    await using a = await openAgents();
    const action = (name: string) => ({
      name,
      handler: { type: 'http', url: 'file:///etc/passwd' },
      inputs: { typ: 1 },
    });
    await expect(a.register(searcher({ actions: [action('a'), action('b')] }))).rejects.toMatchObject({
      issues: { length: 4 },
    });
  });

  test.each<[string, object]>([
    [
      'two actions of one name',
      {
        actions: [
          { name: 'a', handler: script() },
          { name: 'a', handler: script() },
        ],
      },
    ],
    [
      'a reserved header',
      withAction({ handler: { type: 'http', url: 'http://a.b', headers: { Host: 'x' } } }),
    ],
    [
      'a line break',
      withAction({ handler: { type: 'http', url: 'http://a.b', headers: { 'x-a': 'a\r\nb' } } }),
    ],
    ['an unknown handler', withAction({ handler: { type: 'shell' } })],
    ['an unknown field', { nam: 'x' }],
    ['a blank name', { name: '  ' }],
    ['an action whose name is a path', withAction({ name: '../x' })],
    ['deep metadata', { metadata: JSON.parse('{"a":'.repeat(20) + '1' + '}'.repeat(20)) }],
  ])('is seen by looking: %s', (_name, change) => {
    expect(agentInputSchema.safeParse({ ...searcher(), ...change }).success).toBe(false);
  });
});
