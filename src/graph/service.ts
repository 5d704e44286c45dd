import type { Clock } from '../kernel/clock.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { allNamed, named } from '../kernel/references.ts';
import type { Log } from '../log/log.ts';
import type { StateWriter } from '../state/writer.ts';
import type { Analyst } from './analysis/analyst.ts';
import { createPerVersion } from './analysis/per-version.ts';
import { takeSnapshot } from './analysis/snapshot.ts';
import { communityFindings, partitionOf, type Partition } from './communities.ts';
import { createDiscoveries, hashOf } from './discoveries.ts';
import { listEdges } from './edge-list.ts';
import { edgeOf, findPaths, pathFinding, pathsView } from './find-paths.ts';
import type { GraphService, Metric, NodeBrief, WalkOptions } from './graph.ts';
import { rowIdOf } from './ids.ts';
import { degrees, density, metricFinding, rankOutcome, type Measure } from './metrics.ts';
import { NODE_TABLE, readNodes, type NodeRow } from './tables.ts';
import { traverse } from './traverse.ts';
import type { GraphView } from './view.ts';
import type { Walk } from './walk.ts';
import type { ViewNode, WorldGraph } from './world-graph.ts';

/** Edges that a traversal gives for each node that it may give. */
const EDGES_A_NODE = 5;
/** Results that are kept of one graph: communities by resolution, metrics by name. */
const KEPT = 8;
/** Nodes times edges: what the thread works off in some seconds. */
const MAX_BETWEENNESS = 60_000_000;

export interface GraphServiceDeps {
  readonly log: Pick<Log, 'records' | 'settled'>;
  readonly view: GraphView;
  readonly writer: StateWriter;
  readonly analyst: Analyst;
  readonly clock: Clock;
}

/** Questions are answered from the view; lists of edges, labels and dates from the rows. */
export const createGraphService = ({ log, view, writer, analyst, clock }: GraphServiceDeps): GraphService => {
  const { records } = log;
  const discoveries = createDiscoveries({ records, writer });
  const partitions = createPerVersion<Partition>(KEPT);
  const measures = createPerVersion<Measure>(KEPT);

  const rowsOf = async (world: string, ids: readonly string[]): Promise<ReadonlyMap<string, NodeRow>> => {
    const rows = await readNodes(
      records,
      ids.map((id) => rowIdOf(world, id)),
    );
    const rowIds = new Set(ids.map((id) => rowIdOf(world, id)));
    await log.settled([{ table: NODE_TABLE.name, has: (id) => rowIds.has(id) }]);
    return new Map(rows.map((row) => [row.node, row]));
  };
  const briefsOf = async (
    world: string,
    graph: WorldGraph,
    ids: readonly string[],
  ): Promise<(id: string) => NodeBrief> => {
    const rows = await rowsOf(world, ids);
    return (id) => {
      const row = rows.get(id);
      return { id, kind: row?.kind ?? graph.nodes.get(id)?.kind ?? '', label: row?.label ?? null };
    };
  };

  const partition = (graph: WorldGraph, resolution: number): Promise<Partition> =>
    partitions.get(graph, String(resolution), async () => {
      if (graph.edgeCount() === 0) return { communities: [], modularity: 0 };
      const snapshot = takeSnapshot(graph);
      return partitionOf(graph, snapshot, await analyst.run({ kind: 'communities', resolution }, snapshot));
    });
  const measure = (graph: WorldGraph, metric: Metric): Promise<Measure> =>
    measures.get(graph, metric, async () => {
      const startMs = clock.now();
      const found = async (): Promise<Pick<Measure, 'value' | 'values'>> => {
        if (metric === 'density') return { value: density(graph), values: [] };
        if (metric === 'degree') return { value: null, values: degrees(graph) };
        if (graph.nodes.size === 0) return { value: null, values: [] };
        const snapshot = takeSnapshot(graph);
        return { value: null, values: rankOutcome(snapshot, await analyst.run({ kind: metric }, snapshot)) };
      };
      const { value, values } = await found();
      return { value, values, durationMs: Math.max(0, clock.now() - startMs) };
    });

  return {
    async node(world, id) {
      const graph = await view.world(world);
      const node = nodeIn(graph, id);
      const row = (await rowsOf(world, [id])).get(id);
      if (row === undefined) throw noNode(id);
      const neighbours = new Set([...node.out.map(({ to }) => to), ...node.in.map(({ from }) => from)]);
      neighbours.delete(node);
      return {
        id,
        kind: row.kind,
        label: row.label,
        degree: node.in.length + node.out.length,
        in: node.in.length,
        out: node.out.length,
        neighbours: neighbours.size,
        created_at: row.created_at,
      };
    },

    async edges(world, query) {
      const page = await listEdges(records, world, query);
      await log.settled();
      return page;
    },

    async traverse(world, { start, depth, limit, ...options }) {
      const graph = await view.world(world);
      const found = traverse(await named('start', () => nodeIn(graph, start)), {
        ...walkOf(options),
        depth,
        maxNodes: limit,
        maxEdges: limit * EDGES_A_NODE,
      });
      const ids = found.nodes.map(({ node }) => node.id);
      const edges = found.edges.map((edge) => edgeOf(world, edge));
      const brief = await briefsOf(world, graph, ids);
      return {
        nodes: found.nodes.map(({ node, distance }) => {
          const { id, kind, label } = brief(node.id);
          return { id, kind, label, distance };
        }),
        edges,
        truncated: found.truncated,
      };
    },

    async paths(world, query) {
      const graph = await view.world(world);
      if (query.from === query.to) {
        const message = 'is where the path begins';
        throw new CrucibleError('invalid', 'A path leads from one node to another one', {
          issues: [{ path: 'to', message }],
        });
      }
      const [from, to] = await allNamed([
        ['from', () => nodeIn(graph, query.from)],
        ['to', () => nodeIn(graph, query.to)],
      ]);
      const found = findPaths(from, to, walkOf(query), query);
      const answer = pathsView(world, found);
      const findings = found.paths.map((path) => pathFinding(graph, path));
      await discoveries.tell(world, `paths/${query.algorithm}/${hashOf([from.id, to.id])}`, findings, 'all');
      return answer;
    },

    async communities(world, { resolution, min_size: minSize, limit, members }) {
      const graph = await view.world(world);
      const [nodes, edges] = [graph.nodes.size, graph.edgeCount()];
      const found = await partition(graph, resolution);
      await discoveries.tell(world, `communities/${resolution}`, communityFindings(found), 'current');
      const wanted = found.communities.filter((community) => community.members.length >= minSize);
      const shown = wanted.slice(0, limit);
      const namedOf = (all: readonly string[]): readonly string[] => all.slice(0, members);
      const brief = await briefsOf(
        world,
        graph,
        shown.flatMap((community) => namedOf(community.members)),
      );
      return {
        communities: shown.map(({ id, members: all }) => ({
          id,
          size: all.length,
          nodes: namedOf(all).map(brief),
        })),
        total: wanted.length,
        modularity: found.modularity,
        nodes,
        edges,
      };
    },

    async metrics(world, { metric, limit }) {
      const graph = await view.world(world);
      const [nodes, edges] = [graph.nodes.size, graph.edgeCount()];
      if (metric === 'betweenness' && nodes * edges > MAX_BETWEENNESS) {
        throw new CrucibleError(
          'invalid',
          `The graph is too large for betweenness: ${nodes} nodes, ${edges} edges`,
          {
            issues: [
              {
                path: 'metric',
                message: `needs a graph of which nodes × edges is at most ${MAX_BETWEENNESS}`,
              },
            ],
            hint: 'Ask for pagerank.',
          },
        );
      }
      const found = await measure(graph, metric);
      // Of nothing there is nothing to tell.
      const findings = nodes === 0 ? [] : [metricFinding(metric, graph, found)];
      await discoveries.tell(world, `metrics/${metric}`, findings, 'current');
      const shown = found.values.slice(0, limit);
      const brief = await briefsOf(
        world,
        graph,
        shown.map(([id]) => id),
      );
      return {
        metric,
        nodes,
        edges,
        value: found.value,
        values: shown.map(([id, value]) => {
          const { kind, label } = brief(id);
          return { id, kind, label, value };
        }),
      };
    },
  };
};

const walkOf = ({ direction = 'any', types }: WalkOptions): Walk => ({
  direction,
  types: types === undefined ? undefined : new Set(types),
});

const nodeIn = (graph: WorldGraph, id: string): ViewNode => {
  const node = graph.nodes.get(id);
  if (node === undefined) throw noNode(id);
  return node;
};

const noNode = (id: string): CrucibleError =>
  new CrucibleError('not_found', `There is no node ${JSON.stringify(id)}`);
