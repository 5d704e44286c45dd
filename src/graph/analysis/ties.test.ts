import fc from 'fast-check';
import { UndirectedGraph } from 'graphology';
import { expect, test } from 'vitest';
import { graphWith, plainEdges } from '../testing/plain-graph.ts';
import { communities } from './compute.ts';
import { takeSnapshot } from './snapshot.ts';
import { readableTies, tiesOf } from './ties.ts';

const NODES = Array.from({ length: 12 }, (_, i) => `n${i}`);

test('ties are read as a graph of graphology with the same edges is', () => {
  fc.assert(
    fc.property(plainEdges(NODES.length), fc.constantFrom(0.5, 1, 2), (edges, resolution) => {
      const snapshot = takeSnapshot(graphWith(edges, NODES));
      const ties = tiesOf(NODES.length, snapshot);
      const graph = new UndirectedGraph();
      NODES.forEach((_, i) => graph.addNode(i));
      ties.weights.forEach((weight, j) => graph.addEdge(ties.from[j], ties.to[j], { weight }));
      const readable = readableTies(ties) as unknown as UndirectedGraph;
      expect(communities(readable, { resolution })).toEqual(communities(graph, { resolution }));
    }),
    { numRuns: 300 },
  );
});

test('ties are the sums of what is between two nodes, whichever way', () => {
  fc.assert(
    fc.property(plainEdges(NODES.length), (edges) => {
      const sums = new Map<string, number>();
      for (const { from, to, weight } of edges) {
        const pair = [from, to].sort().join(' ');
        if (from !== to && weight !== 0) sums.set(pair, (sums.get(pair) ?? 0) + (weight ?? 1));
      }
      const snapshot = takeSnapshot(graphWith(edges, NODES));
      const ties = tiesOf(NODES.length, snapshot);
      const found = new Map(
        [...ties.weights].map((weight, j): [string, number] => {
          const ends = [ties.from[j] ?? 0, ties.to[j] ?? 0].map((i) => snapshot.ids[i] ?? '');
          return [ends.sort().join(' '), weight];
        }),
      );
      expect(found).toEqual(sums);
    }),
  );
});
