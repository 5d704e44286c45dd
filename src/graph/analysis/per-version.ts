import type { WorldGraph } from '../world-graph.ts';

/**
 * Keeps what was computed of a graph until the graph is another. Who asks while it is being computed waits for the same
 * answer; a failure is not kept.
 */
export interface PerVersion<T> {
  get(graph: WorldGraph, key: string, compute: () => Promise<T>): Promise<T>;
}

/** @param size how many results are kept of one graph */
export const createPerVersion = <T>(size: number): PerVersion<T> => {
  const kept = new WeakMap<WorldGraph, { version: number; readonly results: Map<string, Promise<T>> }>();

  const resultsOf = (graph: WorldGraph): Map<string, Promise<T>> => {
    const version = graph.version();
    const known = kept.get(graph);
    if (known?.version === version) return known.results;
    const results = new Map<string, Promise<T>>();
    kept.set(graph, { version, results });
    return results;
  };

  return {
    async get(graph, key, compute) {
      const results = resultsOf(graph);
      const known = results.get(key);
      if (known !== undefined) return known;
      const [oldest] = results.keys();
      if (oldest !== undefined && results.size >= size) results.delete(oldest);
      const result = compute();
      results.set(key, result);
      result.catch(() => results.delete(key));
      return result;
    },
  };
};
