import { describe, expect, test } from 'vitest';
import { ROLE_PERMISSIONS } from '../src/access/grants.ts';
import type { Principal } from '../src/access/principal.ts';
import { newId } from '../src/kernel/ids.ts';
import type { RequestContext } from './context.ts';
import { createRouter } from './router.ts';
import { routesOf } from './routes.ts';
import { fakeServices, sampleEvent, sampleRun } from './testing/fake-services.ts';

const memory = 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10';
const agent = { id: 'web-search' };

/** A good input for every POST that changes something. */
const INPUTS: Readonly<Record<string, object>> = {
  'agents.register': {
    name: 'Web search',
    version: '1.0.0',
    capabilities: [],
    actions: [{ name: 'search', handler: { type: 'http', url: 'https://agents.example.org/' } }],
  },
  'agents.execute': { ...agent, action: 'search', inputs: {} },
  'agents.send': { ...agent, to: 'other', content: 'x' },
  'agents.join': { ...agent, room: 'research' },
  'agents.createTool': { ...agent, name: 'lookup' },
  'agents.useTool': { ...agent, name: 'lookup', duration_ms: 1, success: true },
  'events.publish': { type: 'custom.x', payload: {} },
  'files.scan': {},
  'hooks.create': { name: 'a' },
  'hooks.enable': { id: 'a' },
  'hooks.disable': { id: 'a' },
  'keys.create': { name: 'ci', role: 'reader' },
  'memory.create': { content: 'x' },
  'memory.link': { id: memory, to: memory, link_type: 'cites' },
  'memory.unlink': { id: memory, to: memory, link_type: 'cites' },
  'memory.tag': { id: memory, tag: '#a' },
  'memory.untag': { id: memory, tag: '#a' },
  'memory.consolidate': { ids: [memory, `${memory.slice(0, -1)}1`] },
  'memory.prune': { older_than: sampleEvent.timestamp },
  'memory.importBatch': { documents: [{ content: 'x' }] },
  'rooms.create': { room: 'research' },
  'runs.replay': { id: sampleRun.id },
  'runs.cancel': { id: sampleRun.id },
  'webhooks.create': { url: 'https://example.org', filters: [{ event_type: '*' }] },
  'webhooks.retry': { id: 'whk_1', run_id: sampleRun.id },
  'worlds.create': { world: 'lab' },
};

const principal: Principal = {
  id: 'admin',
  actor: 'user:admin',
  source: { kind: 'user', user_id: 'admin' },
  worlds: undefined,
  permissions: ROLE_PERMISSIONS.admin,
};

type Caller = Readonly<Record<string, Readonly<Record<string, (input: object) => Promise<unknown>>>>>;

describe('every POST that changes something', () => {
  const router = createRouter(fakeServices().services);
  const routes = routesOf(router).filter((route) => route.remembersKeys);

  test('is one of these, or harmless to repeat', () => {
    const others = routesOf(router).filter(
      (route) => route.method === 'POST' && route.type === 'mutation' && !route.remembersKeys,
    );
    expect(others.map(({ name }) => name)).toEqual(['graph.paths', 'graph.communities', 'graph.metrics']);
  });

  test.each(routes.map((route) => [route.name, route] as const))(
    '%s asks for the Idempotency-Key, under its own address',
    async (name, route) => {
      const asked: string[] = [];
      const ctx: RequestContext = {
        requestId: 'req_1',
        caller: {
          principal,
          scope: { world: 'default', visible: undefined },
          origin: {
            source: principal.source,
            actor: principal.actor,
            world: 'default',
            correlation_id: newId('cor'),
            causation_id: null,
            depth: 0,
          },
        },
        idempotency: (of) => {
          asked.push(of);
          return undefined;
        },
      };
      const [group = '', procedure = ''] = name.split('.');
      const call = (router.createCaller(ctx) as unknown as Caller)[group]?.[procedure];
      const input = INPUTS[name];
      expect(input, `no input for ${name}`).toBeDefined();
      await call?.(input ?? {});
      const address = new RegExp(`^POST ${route.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
      expect(asked).toEqual([expect.stringMatching(address)]);
    },
  );
});
