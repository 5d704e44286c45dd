import type { EdgeView, PathQuery, PathsView, PathView } from './graph.ts';
import { hashOf, type Finding } from './discoveries.ts';
import { edgeIdOf } from './ids.ts';
import { allPaths, cheapestPath, costOf, shortestPath, type Found, type Path } from './paths.ts';
import { weightOf, type Walk } from './walk.ts';
import type { ViewEdge, ViewNode, WorldGraph } from './world-graph.ts';

export const edgeOf = (world: string, { from, to, kind, weight }: ViewEdge): EdgeView => {
  const name = { from: from.id, to: to.id, kind };
  return { id: edgeIdOf(world, name), ...name, weight };
};

export const findPaths = (
  from: ViewNode,
  to: ViewNode,
  walk: Walk,
  { algorithm, max, max_length: maxLength }: Pick<PathQuery, 'algorithm' | 'max' | 'max_length'>,
): Found => {
  if (algorithm === 'shortest') return shortestPath(from, to, walk, maxLength);
  if (algorithm === 'weighted') return cheapestPath(from, to, walk);
  return allPaths(from, to, walk, { maxLength, maxPaths: max });
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

export const pathsView = (world: string, { paths, truncated }: Found): PathsView => ({
  paths: paths.map(({ nodes, edges }): PathView => {
    const cost = sum(edges.map(costOf));
    return {
      nodes: nodes.map(({ id }) => id),
      edges: edges.map((edge) => edgeOf(world, edge)),
      length: edges.length,
      weight: sum(edges.map(weightOf)),
      cost: Number.isFinite(cost) ? cost : null,
    };
  }),
  truncated,
});

/** A path is told as one of its nodes; which of several edges between two of them it takes does not make it another. */
export const pathFinding = (graph: WorldGraph, { nodes, edges }: Path): Finding => {
  const ids = nodes.map(({ id }) => id);
  const [from = '', to = ''] = [ids[0], ids.at(-1)];
  return {
    key: hashOf(ids),
    size: ids.length,
    event: {
      type: 'graph.path_discovered',
      payload: { from, to, nodes: ids, length: edges.length, weight: sum(edges.map(weightOf)) },
      subject: from,
    },
    holds: () =>
      edges.every((edge) => graph.hasEdge({ from: edge.from.id, to: edge.to.id, kind: edge.kind })),
  };
};
