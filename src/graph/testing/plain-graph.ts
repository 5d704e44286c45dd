import fc from 'fast-check';
import type { ViewNode, WorldGraph } from '../world-graph.ts';
import { createWorldGraph } from '../world-graph.ts';

export interface PlainEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly weight: number | null;
}

/** A few nodes with many edges between them, parallel ones and those from a node to itself included. */
export const plainEdges = (nodes: number): fc.Arbitrary<readonly PlainEdge[]> => {
  const node = fc.integer({ min: 0, max: nodes - 1 }).map((n) => `n${n}`);
  const edge = fc.record({
    from: node,
    to: node,
    kind: fc.constantFrom('x', 'y'),
    weight: fc.constantFrom(null, 0, 0.25, 0.5, 2),
  });
  return fc.uniqueArray(edge, { maxLength: 3 * nodes, selector: (e) => `${e.from} ${e.kind} ${e.to}` });
};

export const graphWith = (edges: readonly PlainEdge[], nodes: readonly string[] = []): WorldGraph => {
  const graph = createWorldGraph();
  for (const id of nodes) graph.addNode(id, 'memory');
  for (const { weight, ...name } of edges) {
    graph.addNode(name.from, 'memory');
    graph.addNode(name.to, 'memory');
    graph.addEdge(name, weight);
  }
  return graph;
};

export const nodeOf = (graph: WorldGraph, id: string): ViewNode => {
  const node = graph.nodes.get(id);
  if (node === undefined) throw new Error(`There is no node ${id}`);
  return node;
};
