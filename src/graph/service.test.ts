import { afterAll, describe, expect, test } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { withOrigin } from '../kernel/context.ts';
import type { GraphChange, GraphNode } from '../state/change.ts';
import { createAnalyst, type Analyst } from './analysis/analyst.ts';
import type { EdgeQuery, PathQuery } from './graph.ts';
import { createGraphService } from './service.ts';
import { openGraph, originIn, testClock } from './testing/open-graph.ts';
import { createGraphView } from './view.ts';

const analyst = createAnalyst();
afterAll(() => analyst.close());

const memory = (name: string): GraphNode => ({ id: `msg_${name}`, kind: 'memory', label: `Note ${name}` });
const link = (from: string, to: string, kind = 'links_to', weight?: number): GraphChange => ({
  op: 'add_edge',
  edge: { from: `msg_${from}`, to: `msg_${to}`, kind, ...(weight === undefined ? {} : { weight }) },
  ends: [memory(from), memory(to)],
});
/** Everybody with everybody. */
const clique = (...names: string[]): GraphChange[] =>
  names.flatMap((from, i) => names.slice(i + 1).map((to) => link(from, to)));

const open = async (changes: readonly GraphChange[] = [], counting: Analyst = analyst) => {
  const graph = await openGraph();
  await graph.change(changes);
  const view = createGraphView(graph.log);
  const service = createGraphService({ ...graph, view, analyst: counting, clock: testClock });
  const told = async (type: string): Promise<readonly CrucibleEvent[]> =>
    (await graph.log.query({ types: [type], order: 'asc' })).data;
  return {
    ...graph,
    service,
    told,
    paths: (query: Partial<PathQuery> & { from: string; to: string }, world = 'default') =>
      withOrigin(originIn(world), () =>
        service.paths(world, { algorithm: 'shortest', max: 10, max_length: 6, ...query }),
      ),
    communities: (resolution = 1, world = 'default') =>
      withOrigin(originIn(world), () =>
        service.communities(world, { resolution, min_size: 2, limit: 10, members: 3 }),
      ),
    metrics: (metric: 'pagerank' | 'degree' | 'betweenness' | 'density', limit = 10, world = 'default') =>
      withOrigin(originIn(world), () => service.metrics(world, { metric, limit })),
  };
};

describe('a node', () => {
  test('says what it is and how it hangs together', async () => {
    const { service, change } = await open([
      link('a', 'b'),
      link('a', 'b', 'cites'),
      link('b', 'a'),
      link('a', 'a'),
      link('c', 'a'),
    ]);
    expect(await service.node('default', 'msg_a')).toEqual({
      id: 'msg_a',
      kind: 'memory',
      label: 'Note a',
      degree: 6,
      in: 3,
      out: 3,
      neighbours: 2,
      created_at: 1_700_000_000_000,
    });
    await change([{ op: 'remove_node', id: 'msg_a' }]);
    await expect(service.node('default', 'msg_a')).rejects.toMatchObject({ code: 'not_found' });
    await expect(service.node('elsewhere', 'msg_b')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('edges', () => {
  const edges = [
    link('a', 'b'),
    link('a', 'c'),
    link('a', 'c', 'cites', 0.5),
    link('b', 'a'),
    link('a', 'a'),
  ];
  const all = async (
    service: Awaited<ReturnType<typeof open>>['service'],
    query: Omit<EdgeQuery, 'limit'>,
  ) => {
    const found: string[] = [];
    for (let after: string | undefined, pages = 0; ; pages += 1) {
      expect(pages).toBeLessThan(20);
      const page = await service.edges('default', {
        ...query,
        limit: 2,
        ...(after === undefined ? {} : { after }),
      });
      expect(page.edges.length).toBeLessThanOrEqual(2);
      found.push(...page.edges.map(({ from, kind, to }) => `${from.slice(4)} ${kind} ${to.slice(4)}`));
      if (page.next === null) return found.sort();
      after = page.next;
    }
  };

  test.each<[Omit<EdgeQuery, 'limit'>, string[]]>([
    [{}, ['a cites c', 'a links_to a', 'a links_to b', 'a links_to c', 'b links_to a']],
    [{ from: 'msg_b' }, ['b links_to a']],
    [{ to: 'msg_a' }, ['a links_to a', 'b links_to a']],
    [{ node: 'msg_a' }, ['a cites c', 'a links_to a', 'a links_to b', 'a links_to c', 'b links_to a']],
    [{ node: 'msg_b' }, ['a links_to b', 'b links_to a']],
    [{ type: 'cites' }, ['a cites c']],
    [{ from: 'msg_a', to: 'msg_c' }, ['a cites c', 'a links_to c']],
    [{ from: 'msg_a', to: 'msg_c', type: 'links_to' }, ['a links_to c']],
    [{ node: 'msg_c', type: 'links_to' }, ['a links_to c']],
    [{ from: 'msg_a', node: 'msg_b' }, ['a links_to b']],
    [{ from: 'msg_a', to: 'msg_c', type: 'links_to', node: 'msg_b' }, []],
    [{ from: 'msg_nobody' }, []],
  ])('that fit %j come page by page, each once', async (query, expected) => {
    const { service } = await open(edges);
    expect(await all(service, query)).toEqual(expected);
  });

  test('of which few fit are looked for within bounds, and the rest on the next page', async () => {
    const { service, change } = await open();
    for (let i = 0; i < 6_000; i += 300) {
      const spokes = Array.from({ length: 300 }, (_, j) =>
        link('hub', `s${i + j}`, i + j === 5_000 ? 'rare' : 'x'),
      );
      await change(spokes);
    }
    expect(await all(service, { from: 'msg_hub', type: 'rare' })).toEqual(['hub rare s5000']);
  });
});

describe('a traversal', () => {
  test('gives nodes with their distance, and sees a write that was acknowledged', async () => {
    const { service, change } = await open([link('a', 'b'), link('b', 'c'), link('d', 'a', 'cites')]);
    const near = async (options: object) => {
      const query = { start: 'msg_a', depth: 2, limit: 10, ...options };
      const { nodes } = await service.traverse('default', query);
      return nodes.map(({ label, distance }) => `${label?.slice(5)} ${distance}`);
    };
    expect(await near({})).toEqual(['a 0', 'b 1', 'd 1', 'c 2']);
    expect(await near({ direction: 'out' })).toEqual(['a 0', 'b 1', 'c 2']);
    expect(await near({ types: ['cites'] })).toEqual(['a 0', 'd 1']);
    await change([link('a', 'e', 'cites')]);
    expect(await near({ direction: 'out', depth: 1 })).toEqual(['a 0', 'b 1', 'e 1']);
    await expect(near({ start: 'msg_nobody' })).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'start' }],
    });
  });
});

describe('paths', () => {
  test('are told when they are found for the first time, and again when another one is', async () => {
    const { paths, told, change } = await open([link('a', 'b', 'links_to', 0.5), link('b', 'c')]);
    const found = await paths({ from: 'msg_a', to: 'msg_c' });
    expect(found).toMatchObject({
      paths: [{ nodes: ['msg_a', 'msg_b', 'msg_c'], length: 2, weight: 1.5, cost: 3 }],
      truncated: false,
    });
    expect(found.paths[0]?.edges).toMatchObject([
      { from: 'msg_a', to: 'msg_b', weight: 0.5 },
      { weight: null },
    ]);
    await paths({ from: 'msg_a', to: 'msg_c' });
    await paths({ from: 'msg_a', to: 'msg_c', direction: 'out' });
    expect((await told('graph.path_discovered')).map(({ payload }) => payload)).toEqual([
      { from: 'msg_a', to: 'msg_c', nodes: ['msg_a', 'msg_b', 'msg_c'], length: 2, weight: 1.5 },
    ]);
    await change([link('a', 'c')]);
    await paths({ from: 'msg_a', to: 'msg_c' });
    await paths({ from: 'msg_a', to: 'msg_c', direction: 'in' });
    const events = await told('graph.path_discovered');
    expect(events.map(({ payload }) => payload['length'])).toEqual([2, 1]);
    expect(events[0]).toMatchObject({ actor: 'user:alice', subject: 'msg_a', world: 'default' });
  });

  test('of all are told each once', async () => {
    const { paths, told } = await open(clique('a', 'b', 'c', 'd'));
    const all = { from: 'msg_a', to: 'msg_d', algorithm: 'all' } as const;
    expect((await paths({ ...all, max: 2 })).truncated).toBe(true);
    expect((await paths(all)).paths.map(({ length }) => length)).toEqual([1, 2, 2, 3, 3]);
    await Promise.all([paths(all), paths(all)]);
    expect((await told('graph.path_discovered')).length).toBe(5);
  });

  test('are none between strangers; from a node to itself is no path', async () => {
    const { paths, told } = await open([link('a', 'b'), link('c', 'd')]);
    expect(await paths({ from: 'msg_a', to: 'msg_d' })).toEqual({ paths: [], truncated: false });
    await expect(paths({ from: 'msg_a', to: 'msg_a' })).rejects.toMatchObject({ code: 'invalid' });
    await expect(paths({ from: 'msg_a', to: 'msg_x' })).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'to' }],
    });
    await expect(paths({ from: 'msg_a', to: 'msg_b' }, 'elsewhere')).rejects.toMatchObject({
      code: 'invalid',
      issues: [{ path: 'from' }, { path: 'to' }],
    });
    expect(await told('graph.path_discovered')).toEqual([]);
  });
});

describe('communities', () => {
  const two = [...clique('a', 'b', 'c', 'd'), ...clique('e', 'f', 'g'), link('a', 'e'), link('h', 'h')];

  test('are the groups that belong together, the same each time, told when they are new or changed', async () => {
    const { communities, told, change } = await open(two);
    const first = await communities();
    expect(first).toMatchObject({ total: 2, nodes: 8, edges: 11 });
    expect(first.communities.map(({ size, nodes }) => [size, nodes.map(({ label }) => label)])).toEqual([
      [4, ['Note a', 'Note b', 'Note c']],
      [3, ['Note e', 'Note f', 'Note g']],
    ]);
    expect(first.modularity).toBeGreaterThan(0.3);
    expect(await communities()).toEqual(first);
    expect((await told('graph.community_detected')).map(({ payload }) => payload)).toMatchObject([
      { size: 4, nodes: ['msg_a', 'msg_b', 'msg_c', 'msg_d'], community: first.communities[0]?.id },
      { size: 3, nodes: ['msg_e', 'msg_f', 'msg_g'] },
    ]);

    await change([link('i', 'e'), link('i', 'f'), link('i', 'g')]);
    const second = await communities();
    expect(second.communities.map(({ id }) => id)).toContain(first.communities[0]?.id);
    expect((await told('graph.community_detected')).map(({ payload }) => payload['size'])).toEqual([4, 3, 4]);

    await change([{ op: 'remove_node', id: 'msg_i' }]);
    expect((await communities()).communities).toEqual(first.communities);
    expect((await told('graph.community_detected')).map(({ payload }) => payload['size'])).toEqual([
      4, 3, 4, 3,
    ]);
  });

  test('are computed once for one state of the graph, however many ask', async () => {
    let runs = 0;
    const counting: Analyst = {
      ...analyst,
      run: (...work) => {
        runs += 1;
        return analyst.run(...work);
      },
    };
    const { communities, change } = await open(two, counting);
    await Promise.all([communities(), communities(), communities(0.5)]);
    expect(runs).toBe(2);
    await change([link('a', 'f')]);
    await communities();
    expect(runs).toBe(3);
  });

  test('of a graph without edges, or of a world that nobody knows, are none', async () => {
    const { communities, told } = await open([{ op: 'add_node', node: memory('a') }]);
    expect(await communities()).toMatchObject({ communities: [], total: 0, nodes: 1 });
    expect(await communities(1, 'elsewhere')).toMatchObject({ communities: [], total: 0, nodes: 0 });
    expect(await told('graph.community_detected')).toEqual([]);
  });

  test('that are very many are told in several commits', async () => {
    const { communities, told, change, log } = await open();
    for (let i = 0; i < 1_200; i += 200)
      await change(Array.from({ length: 200 }, (_, j) => link(`a${i + j}`, `b${i + j}`)));
    const commits: number[] = [];
    log.onCommit(({ events }) => commits.push(events.length));
    expect((await communities()).total).toBe(1_200);
    await communities();
    expect(commits).toEqual([500, 500, 200]);
    expect((await told('graph.community_detected')).length).toBeGreaterThan(0);
  });
});

describe('metrics', () => {
  const star = [link('a', 'hub'), link('b', 'hub'), link('c', 'hub'), link('hub', 'd')];

  test('are those of the graph', async () => {
    const { metrics } = await open(star);
    const best = async (metric: 'pagerank' | 'degree' | 'betweenness') => {
      const { values, value, nodes, edges } = await metrics(metric, 2);
      expect([value, nodes, edges]).toEqual([null, 5, 4]);
      return values.map(({ id, value: n }) => [id, n]);
    };
    expect(await best('degree')).toEqual([
      ['msg_hub', 4],
      ['msg_a', 1],
    ]);
    expect((await best('betweenness'))[0]).toEqual(['msg_hub', 0.25]);
    const [[first, rank] = []] = await best('pagerank');
    expect(['msg_hub', 'msg_d']).toContain(first);
    expect(rank).toBeGreaterThan(0.3);
    expect(await metrics('density')).toMatchObject({ value: 0.2, values: [] });
  });

  test('are told once for one state of the graph', async () => {
    const { metrics, told, change } = await open(star);
    for (const metric of ['degree', 'density', 'degree'] as const) await metrics(metric);
    await change([link('a', 'b')]);
    await metrics('degree');
    const events = await told('graph.metrics_computed');
    expect(events.map(({ payload }) => [payload['metric'], payload['edges']])).toEqual([
      ['degree', 4],
      ['density', 4],
      ['degree', 5],
    ]);
    expect(events[0]?.payload['values']).toMatchObject({ msg_hub: 4 });
  });

  test('of nothing are nothing', async () => {
    const { metrics, log } = await open();
    for (const metric of ['pagerank', 'degree', 'betweenness', 'density'] as const)
      expect(await metrics(metric)).toMatchObject({ nodes: 0, edges: 0, values: [] });
    expect(log.head()).toBe(0);
  });
});

describe('the thread', () => {
  test('that is closed refuses', async () => {
    const closed = createAnalyst();
    await closed.close();
    const { communities } = await open([link('a', 'b')], closed);
    await expect(communities()).rejects.toMatchObject({ code: 'internal' });
  });

  test('that is closed in the middle of its work fails what is under way', async () => {
    const ending = createAnalyst();
    const { communities } = await open([link('a', 'b')], ending);
    const asked = communities();
    asked.catch(() => undefined);
    await new Promise(setImmediate);
    await ending.close();
    await expect(asked).rejects.toMatchObject({ code: 'internal' });
  });
});
