import { CrucibleError } from '../kernel/errors.ts';
import type { Records } from '../log/records.ts';
import type { GraphChange, GraphEdgeName, GraphNode, NodeKind } from '../state/change.ts';
import { edgeIdOf, rowIdOf } from './ids.ts';
import { edgesBy, readEdges, readNodes, type EdgeRow, type NodeRow } from './tables.ts';

/** A node that the changes name or touch: as it is stored, and as the changes leave it. */
export interface StagedNode {
  readonly id: string;
  /** Known to be not there, without looking. */
  readonly fresh: boolean;
  readonly before: NodeRow | undefined;
  now: { kind: NodeKind; label: string | null; degree: number } | undefined;
}

export interface StagedEdge {
  readonly id: string;
  /** Known to be not there, since one of its ends is not. */
  readonly fresh: boolean;
  readonly name: GraphEdgeName;
  readonly before: EdgeRow | undefined;
  now: { weight: number | null } | undefined;
  /** Why it went, where that is known. */
  reason: string | undefined;
  /** The node that took it with it. */
  goneWith: string | undefined;
}

/** What the changes of one call come to. */
export interface StagedGraph {
  readonly nodes: ReadonlyMap<string, StagedNode>;
  readonly edges: ReadonlyMap<string, StagedEdge>;
}

/**
 * Applies the changes in their order to the part of a world's graph that they touch, read from the rows. Writes nothing.
 * Tags and entities that have lost their last edge when all is applied are gone, so that a call may take an edge away and
 * give another one.
 * @throws CrucibleError `internal` for an edge to a node that nobody has named
 */
export const stageChanges = async (
  records: Records,
  changes: readonly GraphChange[],
  world: string,
): Promise<StagedGraph> => {
  const stage = createStage(records, world);
  await stage.load(changes);
  for (const change of changes) {
    switch (change.op) {
      case 'add_node':
        stage.addNode(change.node);
        break;
      case 'remove_node':
        await stage.removeNode(change.id);
        break;
      case 'add_edge':
        for (const end of change.ends ?? [])
          if ((end.id === change.edge.from || end.id === change.edge.to) && !stage.hasNode(end.id))
            stage.addNode(end);
        stage.addEdge(change.edge);
        break;
      case 'remove_edge':
        stage.removeEdge(change.edge, change.reason);
    }
  }
  stage.dropLoose();
  return stage;
};

const createStage = (records: Records, world: string) => {
  const nodes = new Map<string, StagedNode>();
  const edges = new Map<string, StagedEdge>();
  /** Nodes that an edge was taken from. */
  const bereft = new Set<string>();

  const loadNodes = async (ids: Iterable<string>): Promise<void> => {
    const missing = [...new Set(ids)].filter((id) => !nodes.has(id));
    for (const id of missing) nodes.set(id, { id, fresh: false, before: undefined, now: undefined });
    for (const row of await readNodes(
      records,
      missing.map((id) => rowIdOf(world, id)),
    )) {
      const { kind, label, degree } = row;
      nodes.set(row.node, { id: row.node, fresh: false, before: row, now: { kind, label, degree } });
    }
  };

  const known = (id: string): StagedNode => {
    const node = nodes.get(id);
    if (node === undefined)
      throw new CrucibleError('internal', `The node ${id} was not read before it was used`);
    return node;
  };

  const stored = (row: EdgeRow): StagedEdge => {
    const { from, to, kind, weight } = row;
    return {
      id: row.edge,
      fresh: false,
      name: { from, to, kind },
      before: row,
      now: { weight },
      reason: undefined,
      goneWith: undefined,
    };
  };

  const load = async (changes: readonly GraphChange[]): Promise<void> => {
    for (const change of changes)
      if (change.op === 'add_node' && change.fresh === true && !nodes.has(change.node.id))
        nodes.set(change.node.id, { id: change.node.id, fresh: true, before: undefined, now: undefined });
    const isFresh = (id: string): boolean => nodes.get(id)?.fresh === true;
    const names = changes.flatMap((change) => ('edge' in change ? [change.edge] : []));
    for (const { from, to, kind } of names) {
      const id = edgeIdOf(world, { from, to, kind });
      edges.set(id, {
        id,
        fresh: isFresh(from) || isFresh(to),
        name: { from, to, kind },
        before: undefined,
        now: undefined,
        reason: undefined,
        goneWith: undefined,
      });
    }
    const named = changes.flatMap((change) => {
      if (change.op === 'add_node') return [change.node.id];
      return change.op === 'remove_node' ? [change.id] : [change.edge.from, change.edge.to];
    });
    const edgeRows = [...edges.values()].filter(({ fresh }) => !fresh).map(({ id }) => rowIdOf(world, id));
    const [rows] = await Promise.all([readEdges(records, edgeRows), loadNodes(named)]);
    for (const row of rows) edges.set(row.edge, stored(row));
  };

  /** Stages every stored edge of a node, and the nodes at their other ends. */
  const loadEdgesOf = async (id: string): Promise<void> => {
    if (nodes.get(id)?.before === undefined) return;
    for (const index of ['graph_edge_from', 'graph_edge_to'] as const) {
      for await (const page of edgesBy(records, index, [world, id])) {
        for (const row of page) if (!edges.has(row.edge)) edges.set(row.edge, stored(row));
        await loadNodes(page.flatMap(({ from, to }) => [from, to]));
      }
    }
  };

  const changeDegree = (id: string, by: 1 | -1): void => {
    const { now } = known(id);
    if (now !== undefined) now.degree += by;
  };

  const dropEdge = (edge: StagedEdge, reason: string | undefined, goneWith?: string): void => {
    edge.now = undefined;
    edge.reason = reason;
    edge.goneWith = goneWith;
    for (const end of [edge.name.from, edge.name.to]) {
      changeDegree(end, -1);
      bereft.add(end);
    }
  };

  return {
    nodes,
    edges,
    load,
    hasNode: (id: string): boolean => known(id).now !== undefined,

    addNode({ id, kind, label }: GraphNode): void {
      const node = known(id);
      if (node.now === undefined) node.now = { kind, label: label ?? null, degree: 0 };
      else if (label !== undefined) node.now.label = label;
    },

    async removeNode(id: string): Promise<void> {
      const node = known(id);
      if (node.now === undefined) return;
      await loadEdgesOf(id);
      for (const edge of edges.values()) {
        const touches = edge.name.from === id || edge.name.to === id;
        if (touches && edge.now !== undefined) dropEdge(edge, 'node_removed', id);
      }
      node.now = undefined;
    },

    addEdge(edge: GraphEdgeName & { readonly weight?: number }): void {
      const { from, to, kind, weight } = edge;
      const missing = [from, to].filter((end) => known(end).now === undefined);
      if (missing.length > 0) {
        throw new CrucibleError(
          'internal',
          `The edge ${from} -[${kind}]-> ${to} leads to nodes that do not exist: ${missing.join(', ')}`,
          { hint: 'Add them first, or name them in `ends`.' },
        );
      }
      if (weight !== undefined && !Number.isFinite(weight))
        throw new CrucibleError('internal', `The edge ${from} -[${kind}]-> ${to} weighs ${weight}`);
      const staged = edges.get(edgeIdOf(world, edge));
      if (staged === undefined)
        throw new CrucibleError('internal', 'An edge was not read before it was used');
      if (staged.now !== undefined) {
        if (weight !== undefined) staged.now = { weight };
        return;
      }
      staged.now = { weight: weight ?? null };
      changeDegree(from, 1);
      changeDegree(to, 1);
    },

    removeEdge(name: GraphEdgeName, reason: string | undefined): void {
      const edge = edges.get(edgeIdOf(world, name));
      if (edge?.now !== undefined) dropEdge(edge, reason);
    },

    dropLoose(): void {
      for (const id of bereft) {
        const node = known(id);
        const held = node.now === undefined || node.now.degree > 0;
        if (!held && (node.now?.kind === 'tag' || node.now?.kind === 'entity')) node.now = undefined;
      }
    },
  };
};
