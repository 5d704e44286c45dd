import { DirectedGraph, type UndirectedGraph } from 'graphology';
import louvainModule from 'graphology-communities-louvain';
import betweennessModule from 'graphology-metrics/centrality/betweenness.js';
import pagerankModule from 'graphology-metrics/centrality/pagerank.js';
import type { Outcome, Task, ToThread } from './protocol.ts';
import { readableTies, tiesOf } from './ties.ts';

// These modules are CommonJS and are functions; their types describe what a bundler would make of them.
const louvain = louvainModule as unknown as typeof louvainModule.default;
const betweenness = betweennessModule as unknown as typeof betweennessModule.default;
const pagerank = pagerankModule as unknown as typeof pagerankModule.default;

/** It converges within 100 iterations, whatever the graph: the error shrinks by alpha each time. */
const PAGERANK = { alpha: 0.85, maxIterations: 200, tolerance: 1e-6, getEdgeWeight: 'weight' } as const;

/** Runs a task to its end; some seconds for a large graph. @throws Error what the algorithms throw */
export const compute = ({ task, order, graph }: Omit<ToThread, 'id'>): Outcome => {
  if (task.kind === 'communities') {
    // All that the method asks of a graph is there.
    const readable = readableTies(tiesOf(order, graph)) as unknown as UndirectedGraph;
    return communities(readable, task);
  }
  const directed = fill(order, graph);
  const values =
    task.kind === 'pagerank'
      ? pagerank(directed, PAGERANK)
      : betweenness(directed, { getEdgeWeight: null, normalized: true });
  return { values: byNumber(order, values) };
};

/** The communities of a graph whose nodes are called by their numbers; the same graph has the same ones each time. */
export const communities = (
  graph: UndirectedGraph,
  { resolution }: Pick<Extract<Task, { kind: 'communities' }>, 'resolution'>,
): Outcome => {
  const found = louvain.detailed(graph, { resolution, rng: randomFrom(SEED) });
  return { values: byNumber(graph.order, found.communities), modularity: found.modularity };
};

/** One edge between two nodes in a direction; the weights of all that there are between them add up. */
const fill = (order: number, { from, to, weights }: ToThread['graph']): DirectedGraph => {
  const graph = new DirectedGraph();
  for (let i = 0; i < order; i += 1) graph.addNode(i);
  from.forEach((source, j) => {
    const weight = weights[j] ?? 1;
    graph.updateEdge(source, to[j], (known) => ({ weight: Number(known['weight'] ?? 0) + weight }));
  });
  return graph;
};

const byNumber = (order: number, values: Readonly<Record<string, number>>): Float64Array<ArrayBuffer> =>
  Float64Array.from({ length: order }, (_, i) => values[i] ?? 0);

const SEED = 0x2545f491;

/** A linear congruential generator (the constants of Numerical Recipes): numbers in [0, 1), always the same ones. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};
