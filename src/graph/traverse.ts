import { stepsFrom, type Walk } from './walk.ts';
import type { ViewEdge, ViewNode } from './world-graph.ts';

export interface Traversal {
  /** Nearest first; the start is the first, at distance 0. */
  readonly nodes: readonly { readonly node: ViewNode; readonly distance: number }[];
  /** The edges met on the way between these nodes, each once. */
  readonly edges: readonly ViewEdge[];
  /** There are more within this depth. */
  readonly truncated: boolean;
}

/** Breadth first from a node: everything within `depth` edges of it, up to these numbers of nodes and edges. */
export const traverse = (
  start: ViewNode,
  {
    depth,
    maxNodes,
    maxEdges,
    ...walk
  }: Walk & { readonly depth: number; readonly maxNodes: number; readonly maxEdges: number },
): Traversal => {
  const distances = new Map<ViewNode, number>([[start, 0]]);
  const edges = new Set<ViewEdge>();
  let truncated = false;
  // A map is walked in the order of insertion, that of discovery, what is added on the way included.
  for (const [node, distance] of distances) {
    if (distance === depth) break;
    for (const { edge, next } of stepsFrom(node, walk)) {
      if (!distances.has(next)) {
        if (distances.size < maxNodes) distances.set(next, distance + 1);
        else truncated = true;
      }
      if (!distances.has(next) || edges.has(edge)) continue;
      if (edges.size < maxEdges) edges.add(edge);
      else truncated = true;
    }
    if (truncated && edges.size >= maxEdges) break;
  }
  return {
    nodes: [...distances].map(([node, distance]) => ({ node, distance })),
    edges: [...edges],
    truncated,
  };
};
