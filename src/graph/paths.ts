import { createHeap } from './heap.ts';
import { reversed, stepsFrom, weightOf, type Step, type Walk } from './walk.ts';
import type { ViewEdge, ViewNode } from './world-graph.ts';

/** A way from one node to another that meets no node twice. */
export interface Path {
  readonly nodes: readonly ViewNode[];
  /** `edges[i]` lies between `nodes[i]` and `nodes[i + 1]`. */
  readonly edges: readonly ViewEdge[];
}

export interface Found {
  readonly paths: readonly Path[];
  /** There may be more than these. */
  readonly truncated: boolean;
}

/** One path with the fewest edges; among several always the same one. Breadth first. */
export const shortestPath = (from: ViewNode, to: ViewNode, walk: Walk, maxLength: number): Found => {
  const cameBy = new Map<ViewNode, Step | undefined>([[from, undefined]]);
  let level: ViewNode[] = [from];
  for (let length = 1; length <= maxLength && level.length > 0; length += 1) {
    const following: ViewNode[] = [];
    for (const node of level) {
      for (const { edge, next } of stepsFrom(node, walk)) {
        if (cameBy.has(next)) continue;
        cameBy.set(next, { edge, next: node });
        if (next === to) return { paths: [pathTo(to, cameBy)], truncated: false };
        following.push(next);
      }
    }
    level = following;
  }
  return { paths: [], truncated: false };
};

/**
 * What an edge costs on a weighted path: 1 / weight, so that strong ties are short. Without a weight it costs 1; an edge
 * that weighs nothing (or less) is not walked.
 */
export const costOf = (edge: ViewEdge): number => {
  const weight = weightOf(edge);
  return weight > 0 ? 1 / weight : Number.POSITIVE_INFINITY;
};

/** One path with the least cost; among several always the same one. Dijkstra's algorithm. */
export const cheapestPath = (from: ViewNode, to: ViewNode, walk: Walk): Found => {
  const cameBy = new Map<ViewNode, Step | undefined>([[from, undefined]]);
  const costs = new Map<ViewNode, number>([[from, 0]]);
  const done = new Set<ViewNode>();
  const heap = createHeap<ViewNode>();
  heap.push(0, from);
  for (let nearest = heap.pop(); nearest !== undefined; nearest = heap.pop()) {
    const { item: node, key: cost } = nearest;
    if (node === to) return { paths: [pathTo(to, cameBy)], truncated: false };
    if (done.has(node)) continue;
    done.add(node);
    for (const { edge, next } of stepsFrom(node, walk)) {
      const total = cost + costOf(edge);
      if (done.has(next) || !(total < (costs.get(next) ?? Number.POSITIVE_INFINITY))) continue;
      costs.set(next, total);
      cameBy.set(next, { edge, next: node });
      heap.push(total, next);
    }
  }
  return { paths: [], truncated: false };
};

const pathTo = (to: ViewNode, cameBy: ReadonlyMap<ViewNode, Step | undefined>): Path => {
  const nodes = [to];
  const edges: ViewEdge[] = [];
  for (let step = cameBy.get(to); step !== undefined; step = cameBy.get(step.next)) {
    nodes.push(step.next);
    edges.push(step.edge);
  }
  return { nodes: nodes.toReversed(), edges: edges.toReversed() };
};

/** Steps that a search for all paths may take before it gives up: some tens of milliseconds. */
const MAX_STEPS = 200_000;

/**
 * Paths of up to `maxLength` edges, the shortest first; two paths differ in their nodes. For each length in turn the
 * search walks only where the end is still near enough, which a search from the end has told before.
 */
export const allPaths = (
  from: ViewNode,
  to: ViewNode,
  walk: Walk,
  {
    maxLength,
    maxPaths,
    maxSteps = MAX_STEPS,
  }: { readonly maxLength: number; readonly maxPaths: number; readonly maxSteps?: number },
): Found => {
  const left = distancesFrom(to, reversed(walk), maxLength);
  const nearest = left.get(from);
  if (nearest === undefined) return { paths: [], truncated: false };
  const stepsOf = strongestSteps(walk);
  const paths: Path[] = [];
  let steps = 0;
  let truncated = false;

  for (let length = nearest; length <= maxLength && !truncated; length += 1) {
    const trail: Step[] = [];
    const onTrail = new Set<ViewNode>([from]);
    const untried: Iterator<Step>[] = [stepsOf(from)[Symbol.iterator]()];
    while (untried.length > 0) {
      const step = untried.at(-1)?.next();
      if (step === undefined || step.done === true) {
        untried.pop();
        const last = trail.pop();
        if (last !== undefined) onTrail.delete(last.next);
        continue;
      }
      steps += 1;
      if (steps > maxSteps) {
        truncated = true;
        break;
      }
      const { next } = step.value;
      const missing = length - trail.length - 1;
      if (next === to) {
        if (missing > 0) continue;
        if (paths.length === maxPaths) {
          truncated = true;
          break;
        }
        paths.push(pathOf(from, [...trail, step.value]));
      } else if (!onTrail.has(next) && (left.get(next) ?? Number.POSITIVE_INFINITY) <= missing) {
        trail.push(step.value);
        onTrail.add(next);
        untried.push(stepsOf(next)[Symbol.iterator]());
      }
    }
  }
  return { paths, truncated };
};

const pathOf = (from: ViewNode, steps: readonly Step[]): Path => ({
  nodes: [from, ...steps.map(({ next }) => next)],
  edges: steps.map(({ edge }) => edge),
});

const distancesFrom = (start: ViewNode, walk: Walk, maxDistance: number): ReadonlyMap<ViewNode, number> => {
  const distances = new Map<ViewNode, number>([[start, 0]]);
  for (const [node, distance] of distances) {
    if (distance === maxDistance) break;
    for (const { next } of stepsFrom(node, walk)) if (!distances.has(next)) distances.set(next, distance + 1);
  }
  return distances;
};

/** Between two nodes one step: over the edge that weighs most. Kept, because a search comes by again and again. */
const strongestSteps = (walk: Walk): ((node: ViewNode) => Iterable<Step>) => {
  const known = new Map<ViewNode, readonly Step[]>();
  return (node) => {
    const kept = known.get(node);
    if (kept !== undefined) return kept;
    const best = new Map<ViewNode, Step>();
    for (const step of stepsFrom(node, walk)) {
      const rival = best.get(step.next);
      if (rival === undefined || weightOf(step.edge) > weightOf(rival.edge)) best.set(step.next, step);
    }
    const steps = [...best.values()];
    known.set(node, steps);
    return steps;
  };
};
