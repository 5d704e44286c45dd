import { describe, expect, test } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import { createMemoryDisk } from '../log/memory-store.ts';
import type { GraphChange, GraphNode } from '../state/change.ts';
import { createExpandGraph } from './expand.ts';
import { edgeIdOf } from './ids.ts';
import { allEdges, allNodes } from './tables.ts';
import { openGraph, testClock, textOf, type OpenGraph } from './testing/open-graph.ts';

const memory = (name: string): GraphNode => ({ id: `msg_${name}`, kind: 'memory', label: name });
const tag = (name: string): GraphNode => ({ id: `tag:${name}`, kind: 'tag', label: `#${name}` });
const add = (node: GraphNode) => ({ op: 'add_node', node }) as const;
const link = (from: GraphNode, to: GraphNode, kind = 'links_to', weight?: number): GraphChange => ({
  op: 'add_edge',
  edge: { from: from.id, to: to.id, kind, ...(weight === undefined ? {} : { weight }) },
  ends: [to],
});
const unlink = (from: GraphNode, to: GraphNode, kind = 'links_to'): GraphChange => ({
  op: 'remove_edge',
  edge: { from: from.id, to: to.id, kind },
});

const a = memory('a');
const b = memory('b');
const c = memory('c');
const ai = tag('ai');

const told = (events: readonly CrucibleEvent[]): string[] =>
  events.map((event) => {
    const fields = event.payload['from'] === undefined ? ['id'] : ['from', 'kind', 'to'];
    return [event.type, ...fields.map((field) => textOf(event, field))].join(' ');
  });

const nodesOf = async ({ log }: OpenGraph): Promise<Record<string, number>> => {
  const found: Record<string, number> = {};
  for await (const page of allNodes(log.records)) for (const row of page) found[row.node] = row.degree;
  return found;
};
const countEdges = async ({ log }: OpenGraph): Promise<number> => {
  let count = 0;
  for await (const page of allEdges(log.records)) count += page.length;
  return count;
};

describe('changes of the graph', () => {
  test('are told and stored once: what is there already changes nothing', async () => {
    const graph = await openGraph();
    const changes = [add(a), add(b), link(a, b), link(a, ai, 'tagged')];
    const events = await graph.change(changes);
    expect(told(events)).toEqual([
      'graph.node_added msg_a',
      'graph.node_added msg_b',
      'graph.node_added tag:ai',
      'graph.edge_created msg_a links_to msg_b',
      'graph.edge_created msg_a tagged tag:ai',
    ]);
    expect(events[2]).toMatchObject({
      subject: 'tag:ai',
      payload: { id: 'tag:ai', kind: 'tag', label: '#ai' },
    });
    expect(events[3]?.subject).toBe(edgeIdOf('default', { from: 'msg_a', to: 'msg_b', kind: 'links_to' }));
    expect(await nodesOf(graph)).toEqual({ msg_a: 2, msg_b: 1, 'tag:ai': 1 });
    expect(await graph.change(changes)).toEqual([]);
    expect(await graph.change([unlink(b, a), { op: 'remove_node', id: 'msg_nobody' }])).toEqual([]);
  });

  test('with a fresh node are the same, and look for neither it nor its edges', async () => {
    const [graph, plain] = [await openGraph(), await openGraph()];
    const before = [add(b), link(b, ai, 'tagged')];
    for (const each of [graph, plain]) await each.change(before);
    const links = [link(a, b), link(b, a), link(a, ai, 'tagged'), link(a, tag('ml'), 'tagged')];
    const looked: string[] = [];
    const getMany: typeof graph.log.records.getMany = (table, ids) => {
      looked.push(...ids);
      return graph.log.records.getMany(table, ids);
    };
    const expand = createExpandGraph({ records: { ...graph.log.records, getMany }, clock: testClock });
    const { mutations, events } = await expand([{ ...add(a), fresh: true }, ...links], 'default');
    expect(looked.toSorted()).toEqual(['default/msg_b', 'default/tag:ai', 'default/tag:ml']);
    await graph.log.append({ events: [], mutations });
    expect(events.map(({ type, subject }) => [type, subject])).toEqual(
      (await plain.change([add(a), ...links])).map(({ type, subject }) => [type, subject]),
    );
    expect(await nodesOf(graph)).toEqual(await nodesOf(plain));
    expect(await countEdges(graph)).toBe(await countEdges(plain));
  });

  test('with a node that is not as fresh as it is said to be are refused, and write nothing', async () => {
    const graph = await openGraph();
    await graph.change([add(a)]);
    await expect(graph.change([add(b), { ...add(a), fresh: true }])).rejects.toMatchObject({
      code: 'internal',
    });
    expect(await nodesOf(graph)).toEqual({ msg_a: 0 });
  });

  test('of one call see each other, and come to what they are in the end', async () => {
    const graph = await openGraph();
    await graph.change([add(a), link(a, ai, 'tagged')]);
    expect(await graph.change([unlink(a, ai, 'tagged'), link(a, ai, 'tagged')])).toEqual([]);
    expect(await graph.change([add(c), link(c, a), { op: 'remove_node', id: c.id }])).toEqual([]);
    expect(
      told(await graph.change([{ op: 'remove_node', id: a.id }, add(a), link(a, tag('ml'), 'tagged')])),
    ).toEqual([
      'graph.edge_removed msg_a tagged tag:ai',
      'graph.node_removed tag:ai',
      'graph.node_added tag:ml',
      'graph.edge_created msg_a tagged tag:ml',
    ]);
    expect(await nodesOf(graph)).toEqual({ msg_a: 1, 'tag:ml': 1 });
  });

  test('take tags and entities away with their last edge, and nothing else', async () => {
    const graph = await openGraph();
    const entity: GraphNode = { id: 'entity:x', kind: 'entity' };
    await graph.change([
      add(a),
      add(b),
      link(a, ai, 'tagged'),
      link(b, ai, 'tagged'),
      link(a, entity),
      link(a, b),
    ]);
    expect(told(await graph.change([unlink(a, ai, 'tagged'), unlink(a, b), unlink(a, entity)]))).toEqual([
      'graph.edge_removed msg_a tagged tag:ai',
      'graph.edge_removed msg_a links_to msg_b',
      'graph.edge_removed msg_a links_to entity:x',
      'graph.node_removed entity:x',
    ]);
    expect(await nodesOf(graph)).toEqual({ msg_a: 0, msg_b: 1, 'tag:ai': 1 });
    expect(told(await graph.change([{ op: 'remove_node', id: b.id }]))).toEqual([
      'graph.edge_removed msg_b tagged tag:ai',
      'graph.node_removed msg_b',
      'graph.node_removed tag:ai',
    ]);
  });

  test('say what a removed node took with it', async () => {
    const graph = await openGraph();
    await graph.change([add(a), add(b), link(a, b), link(b, a, 'cites', 0.5), link(a, a, 'self')]);
    expect(await nodesOf(graph)).toEqual({ msg_a: 4, msg_b: 2 });
    const events = await graph.change([{ op: 'remove_node', id: a.id }]);
    expect(events.map(({ payload }) => payload['reason'] ?? payload['edges_removed'])).toEqual([
      'node_removed',
      'node_removed',
      'node_removed',
      3,
    ]);
    expect(events.find(({ payload }) => payload['kind'] === 'cites')?.payload['weight']).toBe(0.5);
    expect(await nodesOf(graph)).toEqual({ msg_b: 0 });
    expect(await countEdges(graph)).toBe(0);
  });

  test('give an edge another weight by taking the old one away', async () => {
    const graph = await openGraph();
    await graph.change([add(a), add(b), link(a, b, 'related', 0.5)]);
    const events = await graph.change([link(a, b, 'related', 0.9)]);
    expect(events.map(({ type, payload }) => [type, payload['weight'], payload['reason']])).toEqual([
      ['graph.edge_removed', 0.5, 'weight_changed'],
      ['graph.edge_created', 0.9, undefined],
    ]);
    expect(await graph.change([link(a, b, 'related')])).toEqual([]);
    expect(await nodesOf(graph)).toEqual({ msg_a: 1, msg_b: 1 });
  });

  test('give a node another label without an event', async () => {
    const graph = await openGraph();
    await graph.change([add(a)]);
    expect(await graph.change([add({ ...a, label: 'A' })])).toEqual([]);
    const row = await graph.log.records.get('graph_node', 'default/msg_a');
    expect(row).toMatchObject({ label: 'A', revision: 2 });
  });

  test('keep worlds apart', async () => {
    const graph = await openGraph();
    await graph.change([add(a), add(b), link(a, b)], 'one');
    await graph.change([add(a), add(b), link(a, b)], 'two');
    await graph.change([{ op: 'remove_node', id: a.id }], 'one');
    expect(
      await graph.log.records.getMany('graph_node', ['one/msg_a', 'one/msg_b', 'two/msg_a']),
    ).toMatchObject([{ degree: 0 }, { degree: 1 }]);
  });

  test('to nodes that nobody has named are refused whole', async () => {
    const graph = await openGraph();
    const edge = { from: 'msg_a', to: 'msg_nobody', kind: 'links_to' };
    await expect(graph.change([add(a), { op: 'add_edge', edge }])).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('msg_nobody'),
    });
    await expect(graph.change([add(a), add(b), link(a, b, 'x', Number.NaN)])).rejects.toThrow('NaN');
    expect(await nodesOf(graph)).toEqual({});
  });

  test('take away a node of 5,000 edges at once', async () => {
    const graph = await openGraph();
    const hub = memory('hub');
    const spokes = Array.from({ length: 5_000 }, (_, i) => memory(`s${i}`));
    await graph.change([add(hub)]);
    for (let i = 0; i < spokes.length; i += 500) {
      const some = spokes.slice(i, i + 500);
      await graph.change(
        some.flatMap((spoke, j) => (j % 2 === 0 ? [link(hub, spoke)] : [add(spoke), link(spoke, hub)])),
      );
    }
    expect((await nodesOf(graph))['msg_hub']).toBe(5_000);
    const events = await graph.change([{ op: 'remove_node', id: hub.id }]);
    expect(events.map(({ type, payload }) => [type, payload['edges_removed']])).toEqual([
      ['graph.node_removed', 5_000],
    ]);
    expect(await countEdges(graph)).toBe(0);
    const left = Object.values(await nodesOf(graph));
    expect([left.length, Math.max(...left)]).toEqual([5_000, 0]);
  });
});

describe('a change that somebody else overtakes', () => {
  const stale = async (overtaken: readonly GraphChange[], decided: readonly GraphChange[]) => {
    const disk = createMemoryDisk();
    const graph = await openGraph(disk);
    await graph.change([add(a), add(b), link(a, b), link(a, ai, 'tagged')]);
    const expand = createExpandGraph({ records: graph.log.records, clock: testClock });
    const { mutations } = await expand(decided, 'default');
    await graph.change(overtaken);
    return graph.log.append({ events: [], mutations });
  };

  test.each<[string, readonly GraphChange[], readonly GraphChange[]]>([
    ['an edge that went', [unlink(a, b)], [unlink(a, b)]],
    ['an edge that came', [link(b, a)], [link(b, a)]],
    ['a node that went', [{ op: 'remove_node', id: 'msg_b' }], [link(b, a)]],
    ['a tag that got another holder', [link(b, ai, 'tagged')], [unlink(a, ai, 'tagged')]],
    ['a tag that went', [unlink(a, ai, 'tagged')], [link(b, ai, 'tagged')]],
    ['a node that got an edge', [link(b, a)], [{ op: 'remove_node', id: 'msg_a' }]],
  ])('meets a conflict: %s', async (_, overtaken, decided) => {
    await expect(stale(overtaken, decided)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('meets the new node of the same name', async () => {
    await expect(stale([add(c)], [add(c)])).rejects.toMatchObject({ code: 'already_exists' });
  });
});
