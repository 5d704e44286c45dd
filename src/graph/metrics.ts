import type { Outcome } from './analysis/protocol.ts';
import type { Snapshot } from './analysis/snapshot.ts';
import { hashOf, type Finding } from './discoveries.ts';
import type { Metric } from './graph.ts';
import type { WorldGraph } from './world-graph.ts';

/** A measure of a graph: of the whole, or of its nodes. */
export interface Measure {
  readonly value: number | null;
  /** The highest first. */
  readonly values: readonly (readonly [id: string, value: number])[];
  readonly durationMs: number;
}

/** How many nodes are kept of a measure: as many as an answer may hold. */
const MAX_VALUES = 1_000;
/** How many of them the event names. */
const MAX_TOLD = 20;

/** The highest first, the same order for equals. */
const rank = (values: Iterable<readonly [string, number]>): Measure['values'] =>
  [...values].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, MAX_VALUES);

export const rankOutcome = ({ ids }: Snapshot, { values }: Outcome): Measure['values'] =>
  // What differs by the order of additions only is equal.
  rank(ids.map((id, i) => [id, Number((values[i] ?? 0).toPrecision(12))]));

export const degrees = (graph: WorldGraph): Measure['values'] =>
  rank([...graph.nodes.values()].map((node) => [node.id, node.in.length + node.out.length]));

/** Edges for each ordered pair of nodes that they could lie between: of a directed graph without edges to itself. */
export const density = (graph: WorldGraph): number => {
  const order = graph.nodes.size;
  return order < 2 ? 0 : graph.edgeCount() / (order * (order - 1));
};

export const metricFinding = (
  metric: Metric,
  graph: WorldGraph,
  { value, values, durationMs }: Measure,
): Finding => {
  const [nodes, edges] = [graph.nodes.size, graph.edgeCount()];
  const told = values.slice(0, MAX_TOLD);
  return {
    key: hashOf([String(nodes), String(edges), String(value), ...told.map(([id, n]) => `${id} ${n}`)]),
    size: told.length,
    event: {
      type: 'graph.metrics_computed',
      payload: {
        metric,
        nodes,
        edges,
        duration_ms: durationMs,
        ...(value === null ? { values: Object.fromEntries(told) } : {}),
      },
      subject: `metric:${metric}`,
    },
  };
};
