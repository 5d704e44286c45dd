import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRouter } from '../../router/router.ts';
import { fakeServices } from '../../router/testing/fake-services.ts';
import { createAccess } from '../../src/access/access.ts';
import { generateKey } from '../../src/access/key-format.ts';
import { createClient } from '../../src/client/client.ts';
import { catalogue } from '../../src/events/catalogue.ts';
import { GRAPH_TABLES } from '../../src/graph/tables.ts';
import { originIn } from '../../src/graph/testing/open-graph.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { newId } from '../../src/kernel/ids.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { createLog, idleReactor } from '../../src/log/create-log.ts';
import { createEventService } from '../../src/log/event-service.ts';
import { createClosers } from '../../src/main/closers.ts';
import { openGraph } from '../../src/main/open-graph.ts';
import { openState } from '../../src/main/open-state.ts';
import type { GraphChange, GraphNode } from '../../src/state/change.ts';
import { openSurrealStore } from '../../src/surreal/surreal-store.ts';
import { restOf } from '../support/rest.ts';

/** The graph over the embedded database, with its API. */
const start = async (dir: string) => {
  const closers = createClosers(logger);
  const store = await openSurrealStore({
    url: `rocksdb://${join(dir, 'surreal')}?sync=every`,
    user: undefined,
    pass: undefined,
    namespace: 'test',
    database: 'test',
    holder: 'graph',
    tables: GRAPH_TABLES,
    logger,
  });
  closers.add(() => store.close());
  const log = await createLog({
    store,
    reactor: idleReactor,
    clock: { now: () => Date.now() },
    logger,
    upcast: catalogue.upcast,
  });
  closers.add(() => log.close());
  const writer = openState(log);
  const graph = openGraph({ log, writer }, closers);
  const { services } = fakeServices({ graph, events: createEventService({ log, catalogue, newId }) });
  const adminKey = generateKey(randomBytes);
  const http = createHttpServer({
    router: createRouter(services),
    services,
    access: createAccess({ adminKey }),
    health: { components: () => [] },
    logger,
    version: '1.2.3',
  });
  closers.add(() => http.close(1_000));
  const { url } = await http.listen({ host: '127.0.0.1', port: 0 });
  const change = async (changes: readonly GraphChange[], world = 'default') =>
    writer.write(async () => ({ change: { events: [], mutations: [], graph: changes } }), {
      origin: originIn(world),
    });
  return {
    log,
    graph,
    change,
    rest: restOf(url, adminKey),
    client: createClient({ url, key: adminKey }),
    closers,
  };
};

let dir = '';
let api: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'crucible-graph-'));
  api = await start(dir);
});
afterAll(async () => {
  await api.closers.closeAll();
  await rm(dir, { recursive: true, force: true });
});

const memory = (name: string): GraphNode => ({ id: `msg_${name}`, kind: 'memory', label: `Note ${name}` });
const link = (from: GraphNode, to: GraphNode, kind = 'links_to', weight?: number): GraphChange => ({
  op: 'add_edge',
  edge: { from: from.id, to: to.id, kind, ...(weight === undefined ? {} : { weight }) },
  ends: [from, to],
});
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(memory) as [GraphNode, GraphNode, GraphNode, GraphNode];
const tag: GraphNode = { id: 'tag:größe/ß', kind: 'tag', label: '#Größe' };

describe('the graph over REST', () => {
  beforeAll(() =>
    api.change([
      link(a, b),
      link(b, c, 'links_to', 0.5),
      link(a, tag, 'tagged'),
      link(c, d),
      link(a, c, 'cites', 0.1),
    ]),
  );

  test('gives nodes, whatever their id holds', async () => {
    const { status, body } = await api.rest('GET', `/graph/nodes/${encodeURIComponent(tag.id)}`);
    expect([status, body]).toMatchObject([
      200,
      { id: tag.id, label: '#Größe', degree: 1, in: 1, neighbours: 1 },
    ]);
    expect(body).toHaveProperty('created_at', expect.stringMatching(/^\d{4}-.*Z$/));
    const missing = await api.rest('GET', '/graph/nodes/msg_nobody');
    expect([missing.status, missing.body]).toMatchObject([404, { code: 'not_found' }]);
    const elsewhere = await api.rest('GET', '/graph/nodes/msg_a', undefined, { 'X-Crucible-World': 'other' });
    expect(elsewhere.status).toBe(404);
  });

  test('lists edges by cursor', async () => {
    const first = await api.rest('GET', '/graph/edges?node=msg_a&limit=2');
    const { data, next_cursor: cursor } = first.body as { data: object[]; next_cursor: string };
    const second = await api.rest('GET', `/graph/edges?node=msg_a&limit=2&cursor=${cursor}`);
    const rest = (second.body as { data: object[]; next_cursor: null }).data;
    expect([data.length, rest.length, second.body]).toMatchObject([2, 1, { next_cursor: null }]);
    expect(await api.rest('GET', '/graph/edges?from=msg_a&to=msg_c&type=cites')).toMatchObject({
      body: { data: [{ from: 'msg_a', to: 'msg_c', type: 'cites', weight: 0.1 }], next_cursor: null },
    });
    expect(await api.rest('GET', '/graph/edges?cursor=forged')).toMatchObject({
      status: 400,
      body: { code: 'bad_cursor' },
    });
  });

  test('traverses', async () => {
    const { status, body } = await api.rest('POST', '/graph/traverse', {
      start: 'msg_a',
      direction: 'out',
      depth: 1,
    });
    expect([status, body]).toMatchObject([
      200,
      {
        nodes: [{ id: 'msg_a', distance: 0 }, { label: 'Note b' }, { id: 'msg_c' }, { kind: 'tag' }],
        truncated: false,
      },
    ]);
    const unknown = await api.rest('POST', '/graph/traverse', { start: 'msg_nobody' });
    expect(unknown).toMatchObject({ status: 422, body: { code: 'invalid', errors: [{ path: 'start' }] } });
  });

  test('finds paths, and tells of each once', async () => {
    const ask = (body: object) => api.rest('POST', '/graph/paths', { from: 'msg_a', to: 'msg_d', ...body });
    expect(await ask({})).toMatchObject({
      status: 200,
      body: { paths: [{ nodes: ['msg_a', 'msg_c', 'msg_d'] }] },
    });
    expect(await ask({ algorithm: 'weighted' })).toMatchObject({
      body: { paths: [{ nodes: ['msg_a', 'msg_b', 'msg_c', 'msg_d'], cost: 4 }] },
    });
    expect(await ask({ algorithm: 'all' })).toMatchObject({
      body: { paths: [{ length: 2 }, { length: 3 }] },
    });
    await ask({});
    const { body } = await api.rest('GET', '/events?types=graph.path_discovered');
    expect((body as { data: object[] }).data.length).toBe(4);
  });

  test('computes communities and metrics', async () => {
    const communities = await api.rest('POST', '/graph/communities', {});
    expect(communities).toMatchObject({ status: 200, body: { nodes: 5, edges: 5 } });
    const metrics = await api.rest('POST', '/graph/metrics', { metric: 'pagerank', limit: 2 });
    expect(metrics).toMatchObject({ status: 200, body: { metric: 'pagerank', value: null } });
    expect((metrics.body as { values: object[] }).values.length).toBe(2);
    const { body } = await api.rest('GET', '/events?types=graph.community_detected,graph.metrics_computed');
    expect((body as { data: object[] }).data.length).toBeGreaterThan(1);
  });

  test.each<[string, object]>([
    ['/graph/traverse', { start: 'msg_a', depth: 11 }],
    ['/graph/traverse', { start: 'msg_a', depth: 0 }],
    ['/graph/traverse', { start: 'msg_a', limit: 1e9 }],
    ['/graph/traverse', { start: 'msg_a', types: [] }],
    ['/graph/traverse', { start: 'msg_a', direction: 'sideways' }],
    ['/graph/traverse', {}],
    ['/graph/paths', { from: 'msg_a', to: 'msg_a' }],
    ['/graph/paths', { from: 'msg_a', to: 'msg_b', algorithm: 'best' }],
    ['/graph/paths', { from: 'msg_a', to: 'msg_b', algorithm: 'weighted', max_length: 3 }],
    ['/graph/paths', { from: 'msg_a', to: 'msg_b', algorithm: 'all', max_length: 13 }],
    ['/graph/paths', { from: 'msg_a', to: 'msg_b', max: 101 }],
    ['/graph/communities', { resolution: 0 }],
    ['/graph/communities', { seed: 1 }],
    ['/graph/metrics', {}],
    ['/graph/metrics', { metric: 'beauty' }],
  ])('POST %s refuses %j', async (path, body) => {
    expect(await api.rest('POST', path, body)).toMatchObject({ status: 422, body: { code: 'invalid' } });
  });

  test('answers the typed client the same', async () => {
    expect(await api.client.graph.node.query({ id: 'msg_a' })).toMatchObject({ id: 'msg_a', out: 3 });
    expect(await api.client.graph.metrics.mutate({ metric: 'density' })).toMatchObject({ value: 0.25 });
  });
});

describe('the graph in the embedded database', () => {
  test('keeps a node of 5,000 edges, and lets it go in one commit', async () => {
    const hub = memory('hub');
    for (let i = 0; i < 5_000; i += 500)
      await api.change(
        Array.from({ length: 500 }, (_, j) => link(hub, memory(`spoke${i + j}`))),
        'hubs',
      );
    expect(await api.graph.node('hubs', hub.id)).toMatchObject({ degree: 5_000 });
    const { events } = await api.change([{ op: 'remove_node', id: hub.id }], 'hubs');
    expect(events.map(({ type, payload }) => [type, payload['edges_removed']])).toEqual([
      ['graph.node_removed', 5_000],
    ]);
    expect(await api.graph.edges('hubs', { limit: 10 })).toEqual({ edges: [], next: null });
    expect(await api.graph.node('hubs', 'msg_spoke4999')).toMatchObject({ degree: 0, neighbours: 0 });
  });

  test('is the same when it is read anew', async () => {
    const closers = createClosers(logger);
    const again = openGraph({ log: api.log, writer: openState(api.log) }, closers);
    const ask = { start: 'msg_a', depth: 3, limit: 100 };
    expect(await again.traverse('default', ask)).toEqual(await api.graph.traverse('default', ask));
    await closers.closeAll();
  });
});
