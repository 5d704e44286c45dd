import { weightOf } from '../walk.ts';
import type { WorldGraph } from '../world-graph.ts';

/** A graph as numbers, for a computation elsewhere. Node `i` is `ids[i]`; edge `j` leads from `from[j]` to `to[j]`. */
export interface Snapshot {
  /** Sorted, so that the same graph gives the same numbers however it came about. */
  readonly ids: readonly string[];
  readonly from: Uint32Array<ArrayBuffer>;
  readonly to: Uint32Array<ArrayBuffer>;
  readonly weights: Float64Array<ArrayBuffer>;
}

/** Edges are in the order of their ends and kinds. Edges that weigh nothing, and those from a node to itself, are left out. */
export const takeSnapshot = (graph: WorldGraph): Snapshot => {
  const ids = [...graph.nodes.keys()].sort();
  const numbers = new Map(ids.map((id, i) => [id, i]));
  const count = graph.edgeCount();
  const from = new Uint32Array(count);
  const to = new Uint32Array(count);
  const weights = new Float64Array(count);
  let edges = 0;
  ids.forEach((id, i) => {
    for (const edge of graph.nodes.get(id)?.out ?? []) {
      const weight = weightOf(edge);
      const end = numbers.get(edge.to.id);
      if (end === undefined || end === i || !(weight > 0)) continue;
      from[edges] = i;
      to[edges] = end;
      weights[edges] = weight;
      edges += 1;
    }
  });
  return { ids, from: from.slice(0, edges), to: to.slice(0, edges), weights: weights.slice(0, edges) };
};
