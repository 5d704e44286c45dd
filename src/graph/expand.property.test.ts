import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { GraphChange, NodeKind } from '../state/change.ts';
import { allEdges, allNodes } from './tables.ts';
import { openGraph, textOf, type OpenGraph } from './testing/open-graph.ts';

/** A graph as plainly as it can be said: nodes with their kind, edges with their weight. */
interface Model {
  readonly nodes: Map<string, string>;
  readonly edges: Map<string, number | null>;
}

const NODES: readonly (readonly [string, NodeKind])[] = [
  ['m1', 'memory'],
  ['m2', 'memory'],
  ['m3', 'memory'],
  ['t1', 'tag'],
  ['e1', 'entity'],
];
const endsOf = (edge: string): [string, string] => {
  const [from = '', , to = ''] = edge.split(' ');
  return [from, to];
};

const applyTo = ({ nodes, edges }: Model, changes: readonly GraphChange[]): void => {
  const loosened = new Set<string>();
  const drop = (edge: string): void => {
    if (edges.delete(edge)) for (const end of endsOf(edge)) loosened.add(end);
  };
  for (const change of changes) {
    if (change.op === 'add_node') {
      if (!nodes.has(change.node.id)) nodes.set(change.node.id, change.node.kind);
    } else if (change.op === 'remove_node') {
      for (const edge of edges.keys()) if (endsOf(edge).includes(change.id)) drop(edge);
      nodes.delete(change.id);
    } else {
      const { from, to, kind } = change.edge;
      const edge = `${from} ${kind} ${to}`;
      if (change.op === 'remove_edge') drop(edge);
      else {
        for (const end of change.ends ?? []) if (!nodes.has(end.id)) nodes.set(end.id, end.kind);
        if (!edges.has(edge) || change.edge.weight !== undefined) edges.set(edge, change.edge.weight ?? null);
      }
    }
  }
  for (const node of loosened) {
    const held = [...edges.keys()].some((edge) => endsOf(edge).includes(node));
    if (!held && ['tag', 'entity'].includes(nodes.get(node) ?? '')) nodes.delete(node);
  }
};

/** What a reader of the log knows of the graph; throws where an event does not fit what it knows. */
const tellTo = ({ nodes, edges }: Model, event: CrucibleEvent): void => {
  const { type, payload } = event;
  const id = textOf(event, 'id');
  const edge = type.startsWith('graph.edge')
    ? ['from', 'kind', 'to'].map((field) => textOf(event, field)).join(' ')
    : '';
  const fits = (holds: boolean): void => {
    if (!holds) throw new Error(`${type} ${JSON.stringify(payload)} does not fit what was told before`);
  };
  if (type === 'graph.node_added') {
    fits(!nodes.has(id));
    nodes.set(id, textOf(event, 'kind'));
  } else if (type === 'graph.node_removed') {
    fits(nodes.delete(id) && ![...edges.keys()].some((held) => endsOf(held).includes(id)));
  } else if (type === 'graph.edge_created') {
    fits(!edges.has(edge) && endsOf(edge).every((end) => nodes.has(end)));
    edges.set(edge, (payload['weight'] as number | undefined) ?? null);
  } else fits(edges.delete(edge));
};

const node = fc.constantFrom(...NODES).map(([id, kind]) => ({ id, kind }));
const name = fc.record({ from: node, to: node, kind: fc.constantFrom('x', 'y') });
const change: fc.Arbitrary<GraphChange> = fc.oneof(
  { weight: 2, arbitrary: node.map((added): GraphChange => ({ op: 'add_node', node: added })) },
  { weight: 1, arbitrary: node.map(({ id }): GraphChange => ({ op: 'remove_node', id })) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(name, fc.constantFrom(undefined, 0.5, 2))
      .map(([{ from, to, kind }, weight]): GraphChange => ({
        op: 'add_edge',
        edge: { from: from.id, to: to.id, kind, ...(weight === undefined ? {} : { weight }) },
        ends: [from, to],
      })),
  },
  {
    weight: 3,
    arbitrary: name.map(({ from, to, kind }): GraphChange => ({
      op: 'remove_edge',
      edge: { from: from.id, to: to.id, kind },
    })),
  },
);

const storedGraph = async ({ log }: OpenGraph) => {
  const nodes: (readonly [string, string])[] = [];
  const degrees: (readonly [string, number])[] = [];
  const edges: (readonly [string, number | null])[] = [];
  for await (const page of allNodes(log.records)) {
    for (const row of page) {
      nodes.push([row.node, row.kind]);
      degrees.push([row.node, row.degree]);
    }
  }
  for await (const page of allEdges(log.records))
    for (const { from, kind, to, weight } of page) edges.push([`${from} ${kind} ${to}`, weight]);
  return { nodes: new Map(nodes), edges: new Map(edges), degrees: new Map(degrees) };
};

const sizeOfDifference = (before: Model, after: Model): number => {
  const gone = [...before.nodes.keys()].filter((id) => !after.nodes.has(id)).length;
  const come = [...after.nodes.keys()].filter((id) => !before.nodes.has(id)).length;
  const edges = new Set([...before.edges.keys(), ...after.edges.keys()]);
  const changed = [...edges].map((edge) => {
    if (before.edges.has(edge) !== after.edges.has(edge)) return 1;
    return before.edges.get(edge) === after.edges.get(edge) ? 0 : 2;
  });
  return gone + come + changed.reduce<number>((sum, n) => sum + n, 0);
};

test('rows, events and a simple model of the graph agree, whatever is changed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 6 }), async (calls) => {
      const graph = await openGraph();
      const model: Model = { nodes: new Map(), edges: new Map() };
      const reader: Model = { nodes: new Map(), edges: new Map() };
      for (const changes of calls) {
        const before = { nodes: new Map(model.nodes), edges: new Map(model.edges) };
        applyTo(model, changes);
        const events = await graph.change(changes);
        for (const event of events) tellTo(reader, event);
        expect(reader).toEqual(model);
        expect(events.length).toBe(sizeOfDifference(before, model));
        const stored = await storedGraph(graph);
        expect({ nodes: stored.nodes, edges: stored.edges }).toEqual(model);
        for (const [id, degree] of stored.degrees) {
          const ends = [...model.edges.keys()].flatMap(endsOf).filter((end) => end === id);
          expect({ id, degree }).toEqual({ id, degree: ends.length });
        }
      }
    }),
    { numRuns: 400 },
  );
});
