import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Records } from '../log/records.ts';
import type { GraphChange, GraphNode } from '../state/change.ts';
import { openGraph, type OpenGraph } from './testing/open-graph.ts';
import { createGraphView } from './view.ts';
import type { WorldGraph } from './world-graph.ts';

const node = fc
  .constantFrom('msg_1', 'msg_2', 'msg_3', 'tag:a')
  .map((id): GraphNode => ({ id, kind: id.startsWith('tag') ? 'tag' : 'memory' }));
const change = fc.oneof(
  { weight: 1, arbitrary: node.map((added): GraphChange => ({ op: 'add_node', node: added })) },
  { weight: 2, arbitrary: node.map(({ id }): GraphChange => ({ op: 'remove_node', id })) },
  {
    weight: 5,
    arbitrary: fc.tuple(node, node, fc.constantFrom(1, 2)).map(([from, to, weight]): GraphChange => ({
      op: 'add_edge',
      edge: { from: from.id, to: to.id, kind: 'x', weight },
      ends: [from, to],
    })),
  },
);
const calls = fc.array(fc.tuple(fc.array(change, { maxLength: 5 }), fc.constantFrom('one', 'two')), {
  maxLength: 8,
});

const shape = (graph: WorldGraph) => ({
  edges: graph.edgeCount(),
  nodes: [...graph.nodes.values()]
    .map(({ id, kind, out, in: into }) => ({
      id,
      kind,
      out: out.map(({ to, weight }) => `${to.id} ${weight}`),
      in: into.map(({ from, weight }) => `${from.id} ${weight}`),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1)),
});

const freshShape = async ({ log }: OpenGraph, world: string) => {
  const view = createGraphView(log);
  const graph = await view.world(world);
  view.close();
  return shape(graph);
};

describe('the view', () => {
  test('that followed is the view that is read anew', async () => {
    await fc.assert(
      fc.asyncProperty(calls, async (all) => {
        const graph = await openGraph();
        const view = createGraphView(graph.log);
        await view.world('one');
        for (const [changes, world] of all) {
          await graph.change(changes, world);
          expect(shape(await view.world(world))).toEqual(await freshShape(graph, world));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('that is read while others write comes to the same', async () => {
    await fc.assert(
      fc.asyncProperty(calls, calls, async (before, meanwhile) => {
        const graph = await openGraph();
        for (const [changes, world] of before) await graph.change(changes, world);
        // Each read of rows lets one more change be written, before or after the rows are read.
        const left = [...meanwhile];
        const step = async (): Promise<void> => {
          const next = left.shift();
          if (next !== undefined) await graph.change(...next);
        };
        const records: Records = {
          ...graph.log.records,
          async list(table, page) {
            await step();
            const rows = await graph.log.records.list(table, { ...page, limit: 2 });
            await step();
            return rows.length < 2
              ? rows
              : [...rows, ...(await this.list(table, { ...page, after: rows[1]?.id ?? '' }))];
          },
        };
        const view = createGraphView({ records, onCommit: graph.log.onCommit });
        await view.world('one');
        while (left.length > 0) await step();
        for (const world of ['one', 'two'])
          expect(shape(await view.world(world))).toEqual(await freshShape(graph, world));
      }),
      { numRuns: 200 },
    );
  });

  test('is read again after a failure, and stops following when closed', async () => {
    const graph = await openGraph();
    await graph.change([{ op: 'add_node', node: { id: 'msg_1', kind: 'memory' } }]);
    let fails = true;
    const records: Records = {
      ...graph.log.records,
      async list(table, page) {
        if (fails && table === 'graph_edge') throw new Error('the database is away');
        return graph.log.records.list(table, page);
      },
    };
    const view = createGraphView({ records, onCommit: graph.log.onCommit });
    await expect(view.world('default')).rejects.toThrow('away');
    await graph.change([{ op: 'add_node', node: { id: 'msg_2', kind: 'memory' } }]);
    fails = false;
    const world = await view.world('default');
    expect([...world.nodes.keys()]).toEqual(['msg_1', 'msg_2']);
    view.close();
    await graph.change([{ op: 'add_node', node: { id: 'msg_3', kind: 'memory' } }]);
    expect(world.nodes.has('msg_3')).toBe(false);
  });
});
