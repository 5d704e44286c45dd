import type { ViewEdge, ViewNode } from './world-graph.ts';

/** Which way edges are walked: as they point, against it, or both. */
export const DIRECTIONS = ['out', 'in', 'any'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** One step of a walk. */
export interface Step {
  readonly edge: ViewEdge;
  readonly next: ViewNode;
}

export interface Walk {
  readonly direction: Direction;
  /** Kinds of edges to walk; undefined: all. */
  readonly types: ReadonlySet<string> | undefined;
}

/** Every step from a node, always in the same order. */
export function* stepsFrom(node: ViewNode, { direction, types }: Walk): Generator<Step> {
  if (direction !== 'in')
    for (const edge of node.out) if (types?.has(edge.kind) !== false) yield { edge, next: edge.to };
  if (direction !== 'out')
    for (const edge of node.in) if (types?.has(edge.kind) !== false) yield { edge, next: edge.from };
}

export const reversed = (walk: Walk): Walk => {
  if (walk.direction === 'any') return walk;
  return { ...walk, direction: walk.direction === 'out' ? 'in' : 'out' };
};

/** Edges without a weight weigh this. */
export const weightOf = ({ weight }: ViewEdge): number => weight ?? 1;
