import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allPaths, cheapestPath, shortestPath, type Path } from './paths.ts';
import { graphWith, nodeOf, plainEdges, type PlainEdge } from './testing/plain-graph.ts';
import { traverse } from './traverse.ts';
import { DIRECTIONS, type Direction, type Walk } from './walk.ts';

const NODES = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5'];
const any: Walk = { direction: 'any', types: undefined };
const edge = (from: string, to: string, weight: number | null = null, kind = 'x'): PlainEdge => ({
  from,
  to,
  kind,
  weight,
});

/** Every step of a walk, as plainly as it can be said. */
const stepsOf = (edges: readonly PlainEdge[], direction: Direction, types: ReadonlySet<string> | undefined) =>
  edges
    .filter(({ kind }) => types === undefined || types.has(kind))
    .flatMap(({ from, to, weight }) => {
      const cost = 1 / (weight ?? 1);
      const there = { from, to, cost };
      const back = { from: to, to: from, cost };
      if (direction === 'any') return [there, back];
      return direction === 'out' ? [there] : [back];
    });

/** All simple paths by trying everything, as `n0 n1 n2`, with the least cost of each. */
const everyPath = (steps: ReturnType<typeof stepsOf>, from: string, to: string): Map<string, number> => {
  const found = new Map<string, number>();
  const walk = (trail: readonly string[], cost: number): void => {
    const last = trail.at(-1);
    if (last === to) {
      const key = trail.join(' ');
      found.set(key, Math.min(cost, found.get(key) ?? Number.POSITIVE_INFINITY));
      return;
    }
    for (const step of steps)
      if (step.from === last && !trail.includes(step.to)) walk([...trail, step.to], cost + step.cost);
  };
  walk([from], 0);
  return found;
};

const idsOf = ({ nodes }: Path): string => nodes.map(({ id }) => id).join(' ');
const edgesJoinNodes = ({ nodes, edges }: Path, { direction }: Walk): boolean =>
  edges.length === nodes.length - 1 &&
  edges.every(({ from, to }, i) => {
    const [a, b] = [nodes[i], nodes[i + 1]];
    const there = from === a && to === b;
    const back = from === b && to === a;
    return direction === 'any' ? there || back : direction === 'out' ? there : back;
  });

const walks = fc.record({
  direction: fc.constantFrom(...DIRECTIONS),
  types: fc.constantFrom(undefined, new Set(['x']), new Set(['x', 'y'])),
});

describe('paths', () => {
  test('are those that trying everything finds', () => {
    fc.assert(
      fc.property(
        plainEdges(NODES.length),
        walks,
        fc.integer({ min: 1, max: 6 }),
        (edges, walk, maxLength) => {
          const graph = graphWith(edges, NODES);
          const [from, to] = [nodeOf(graph, 'n0'), nodeOf(graph, 'n5')];
          const every = everyPath(stepsOf(edges, walk.direction, walk.types), 'n0', 'n5');
          const lengths = new Map([...every.keys()].map((ids) => [ids, ids.split(' ').length - 1]));
          const within = [...lengths].filter(([, length]) => length <= maxLength);

          const all = allPaths(from, to, walk, { maxLength, maxPaths: 10_000 });
          expect(all.truncated).toBe(false);
          expect(all.paths.map(idsOf).sort()).toEqual(within.map(([ids]) => ids).sort());
          const found = all.paths.map(({ edges: on }) => on.length);
          expect(found).toEqual(found.toSorted((a, b) => a - b));

          const shortest = shortestPath(from, to, walk, maxLength).paths;
          expect(shortest.map(({ edges: on }) => on.length)).toEqual(
            within.length === 0 ? [] : [Math.min(...within.map(([, length]) => length))],
          );

          const costs = [...every.values()].filter(Number.isFinite);
          const cheapest = cheapestPath(from, to, walk).paths;
          expect(cheapest.map((path) => every.get(idsOf(path)))).toEqual(
            costs.length === 0 ? [] : [Math.min(...costs)],
          );
          for (const path of [...all.paths, ...shortest, ...cheapest])
            expect(edgesJoinNodes(path, walk)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('are the same however the graph came about', () => {
    fc.assert(
      fc.property(plainEdges(6), fc.gen(), (edges, gen) => {
        const shuffled = gen(fc.shuffledSubarray, [...edges], { minLength: edges.length });
        const [one, other] = [edges, shuffled].map((given) => {
          const graph = graphWith(given, NODES);
          const [from, to] = [nodeOf(graph, 'n0'), nodeOf(graph, 'n5')];
          return {
            shortest: shortestPath(from, to, any, 9).paths.map(idsOf),
            cheapest: cheapestPath(from, to, any).paths.map(idsOf),
            all: allPaths(from, to, any, { maxLength: 4, maxPaths: 5 }).paths.map(idsOf),
            near: traverse(from, { ...any, depth: 2, maxNodes: 3, maxEdges: 9 }).nodes.map(
              ({ node }) => node.id,
            ),
          };
        });
        expect(one).toEqual(other);
      }),
    );
  });

  test('prefer strong ties when weighted, and do not walk over edges that weigh nothing', () => {
    const graph = graphWith([
      edge('a', 'b', 0.1),
      edge('a', 'c', 0.9),
      edge('c', 'b', 0.9),
      edge('a', 'd', 0),
    ]);
    const cheapest = (to: string) =>
      cheapestPath(nodeOf(graph, 'a'), nodeOf(graph, to), any).paths.map(idsOf);
    expect(cheapest('b')).toEqual(['a c b']);
    expect(cheapest('d')).toEqual([]);
  });

  test('of very many say that there are more, by number and by work', () => {
    const layers = Array.from({ length: 8 }, (_, i) => i);
    const edges = layers.flatMap((i) =>
      [0, 1, 2, 3, 4, 5].flatMap((a) => [0, 1, 2, 3, 4, 5].map((b) => edge(`${i}.${a}`, `${i + 1}.${b}`))),
    );
    const graph = graphWith(edges);
    const [from, to] = [nodeOf(graph, '0.0'), nodeOf(graph, '8.0')];
    const few = allPaths(from, to, any, { maxLength: 20, maxPaths: 7 });
    expect([few.paths.length, few.truncated]).toEqual([7, true]);
    const worked = allPaths(from, to, any, { maxLength: 20, maxPaths: 1_000_000, maxSteps: 5_000 });
    expect(worked.truncated).toBe(true);
    expect(worked.paths.length).toBeLessThan(5_000);
    const out: Walk = { direction: 'out', types: undefined };
    expect(allPaths(to, from, out, { maxLength: 20, maxPaths: 7 })).toEqual({ paths: [], truncated: false });
  });
});

describe('a traversal', () => {
  test('gives every node within its depth, with its distance, and the edges met on the way', () => {
    fc.assert(
      fc.property(plainEdges(NODES.length), walks, fc.integer({ min: 0, max: 4 }), (edges, walk, depth) => {
        const graph = graphWith(edges, NODES);
        const steps = stepsOf(edges, walk.direction, walk.types);
        const distances = new Map([['n0', 0]]);
        for (let distance = 0; distance < depth; distance += 1) {
          for (const { from, to } of steps)
            if (distances.get(from) === distance && !distances.has(to)) distances.set(to, distance + 1);
        }
        const found = traverse(nodeOf(graph, 'n0'), { ...walk, depth, maxNodes: 100, maxEdges: 1_000 });
        expect(new Map(found.nodes.map(({ node, distance }) => [node.id, distance]))).toEqual(distances);
        expect(found.truncated).toBe(false);
        const near = (id: string): boolean => (distances.get(id) ?? depth) < depth;
        const met = edges.filter(
          ({ from, to, kind }) =>
            walk.types?.has(kind) !== false &&
            ((walk.direction !== 'in' && near(from)) || (walk.direction !== 'out' && near(to))),
        );
        expect(found.edges.length).toBe(met.length);
      }),
      { numRuns: 300 },
    );
  });

  test('of too many nodes or edges gives the nearest, and says so', () => {
    const spokes = Array.from({ length: 50 }, (_, i) => edge('hub', `s${String(i).padStart(2, '0')}`));
    const hub = nodeOf(graphWith(spokes), 'hub');
    const few = traverse(hub, { ...any, depth: 3, maxNodes: 11, maxEdges: 100 });
    expect([few.nodes.length, few.edges.length, few.truncated]).toEqual([11, 10, true]);
    expect(few.nodes[1]?.node.id).toBe('s00');
    const thin = traverse(hub, { ...any, depth: 3, maxNodes: 100, maxEdges: 5 });
    expect([thin.nodes.length, thin.edges.length, thin.truncated]).toEqual([51, 5, true]);
  });
});
