import type { CrucibleEvent } from '../events/envelope.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Log } from '../log/log.ts';
import type { Records } from '../log/records.ts';
import { allEdges, allNodes } from './tables.ts';
import { createWorldGraph, type MutableWorldGraph, type WorldGraph } from './world-graph.ts';

/**
 * The graphs of all worlds in memory, as the log has them.
 *
 * Guarantee: who asks after a write was acknowledged sees it. Rows are read once; what is committed meanwhile is kept and
 * applied after them, in order. A change is the same when it is applied twice, so it does not matter which of both a row
 * has already shown.
 */
export interface GraphView {
  /** Waits until the rows are read. @throws whatever reading them throws; the next call reads again */
  world(name: string): Promise<WorldGraph>;
  /** Stops following the log. */
  close(): void;
}

/**
 * States: empty -> loading (at the first question, or by `world`) -> following; loading -> empty when reading fails.
 * While it is empty nothing is kept, since the rows tell all.
 */
export const createGraphView = (log: Pick<Log, 'onCommit'> & { readonly records: Records }): GraphView => {
  let worlds = new Map<string, MutableWorldGraph>();
  let state: 'empty' | 'loading' | 'following' = 'empty';
  let missed: CrucibleEvent[] = [];
  let loading: Promise<void> | undefined;

  const graphOf = (name: string): MutableWorldGraph => {
    const known = worlds.get(name);
    if (known !== undefined) return known;
    const made = createWorldGraph();
    worlds.set(name, made);
    return made;
  };

  const stop = log.onCommit(({ events }) => {
    for (const event of events) {
      if (!event.type.startsWith('graph.')) continue;
      if (state === 'following') apply(event, graphOf);
      else if (state === 'loading') missed.push(event);
    }
  });

  const load = async (): Promise<void> => {
    state = 'loading';
    try {
      for await (const rows of allNodes(log.records))
        for (const { world, node, kind } of rows) graphOf(world).addNode(node, kind);
      for await (const rows of allEdges(log.records))
        for (const { world, weight, ...name } of rows) graphOf(world).addEdge(name, weight);
    } catch (error) {
      worlds = new Map();
      missed = [];
      state = 'empty';
      loading = undefined;
      throw error;
    }
    for (const event of missed) apply(event, graphOf);
    missed = [];
    state = 'following';
  };

  return {
    async world(name) {
      await (loading ??= load());
      return worlds.get(name) ?? createWorldGraph();
    },
    close: stop,
  };
};

/** The events of this folder; `graph.node_removed` takes every edge of the node away, told one by one or not. */
const apply = (
  { type, world, payload }: CrucibleEvent,
  graphOf: (world: string) => MutableWorldGraph,
): void => {
  switch (type) {
    case 'graph.node_added':
      graphOf(world).addNode(text(payload, 'id'), text(payload, 'kind'));
      return;
    case 'graph.node_removed':
      graphOf(world).removeNode(text(payload, 'id'));
      return;
    case 'graph.edge_created':
      graphOf(world).addEdge(edgeName(payload), weightOf(payload));
      return;
    case 'graph.edge_removed':
      graphOf(world).removeEdge(edgeName(payload));
  }
};

const text = (payload: JsonObject, field: string): string => {
  const value = payload[field];
  return typeof value === 'string' ? value : '';
};

const edgeName = (payload: JsonObject) => ({
  from: text(payload, 'from'),
  to: text(payload, 'to'),
  kind: text(payload, 'kind'),
});

const weightOf = (payload: JsonObject): number | null => {
  const { weight } = payload;
  return typeof weight === 'number' ? weight : null;
};
