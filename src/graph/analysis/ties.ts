import type Graph from 'graphology';
import type { Snapshot } from './snapshot.ts';

/** An undirected graph without parallel edges: how much is between two nodes, whichever way. */
export interface Ties {
  /** How many nodes there are. */
  readonly order: number;
  /** The smaller number of the two nodes of each tie. */
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly weights: Float64Array;
}

/** Adds up the edges between the same two nodes. */
export const tiesOf = (order: number, { from, to, weights }: Omit<Snapshot, 'ids'>): Ties => {
  const sums = new Map<number, number>();
  from.forEach((a, j) => {
    const b = to[j] ?? a;
    const pair = a < b ? a * order + b : b * order + a;
    sums.set(pair, (sums.get(pair) ?? 0) + (weights[j] ?? 1));
  });
  const pairs = [...sums.keys()];
  return {
    order,
    from: Uint32Array.from(pairs, (pair) => Math.floor(pair / order)),
    to: Uint32Array.from(pairs, (pair) => pair % order),
    weights: Float64Array.from(sums.values()),
  };
};

/** What the Louvain method of graphology asks of a graph. */
type LouvainInput = Pick<
  InstanceType<typeof Graph.UndirectedGraph>,
  'type' | 'multi' | 'order' | 'size' | 'selfLoopCount' | 'addUndirectedEdgeWithKey' | 'dropNode'
> & {
  forEachNode(visit: (node: string) => void): void;
  undirectedDegreeWithoutSelfLoops(node: string): number;
  forEachEdge(
    visit: (edge: string, attributes: { readonly weight: number }, source: string, target: string) => void,
  ): void;
};

/**
 * Ties as a graph that the Louvain method can read. A graph of graphology proper takes four times as long to fill as the
 * method takes to run, and all that the method does with it is to read its edges once; a test compares both.
 */
export const readableTies = ({ order, from, to, weights }: Ties): LouvainInput => {
  const degrees = new Uint32Array(order);
  from.forEach((a, j) => {
    const b = to[j] ?? a;
    degrees[a] = (degrees[a] ?? 0) + 1;
    degrees[b] = (degrees[b] ?? 0) + 1;
  });
  const cannot = (): never => {
    throw new TypeError('These ties can only be read');
  };
  return {
    type: 'undirected',
    multi: false,
    order,
    size: weights.length,
    selfLoopCount: 0,
    addUndirectedEdgeWithKey: cannot,
    dropNode: cannot,
    forEachNode(visit) {
      for (let i = 0; i < order; i += 1) visit(String(i));
    },
    undirectedDegreeWithoutSelfLoops: (node) => degrees[Number(node)] ?? 0,
    forEachEdge(visit) {
      weights.forEach((weight, j) => visit(String(j), { weight }, String(from[j]), String(to[j])));
    },
  };
};
