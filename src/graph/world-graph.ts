import type { GraphEdgeName } from '../state/change.ts';

/** A node in memory. Its edges are sorted by the node at their other end, then by kind, so that every walk is the same. */
export interface ViewNode {
  readonly id: string;
  /** Empty while only its edges are known. */
  kind: string;
  readonly out: ViewEdge[];
  readonly in: ViewEdge[];
}

export interface ViewEdge {
  readonly from: ViewNode;
  readonly to: ViewNode;
  readonly kind: string;
  readonly weight: number | null;
}

/** The graph of one world, as it is walked: no more than ids, kinds and weights (about 100 bytes an edge). */
export interface WorldGraph {
  readonly nodes: ReadonlyMap<string, ViewNode>;
  edgeCount(): number;
  /** Another number whenever the graph is another. */
  version(): number;
  hasEdge(name: GraphEdgeName): boolean;
}

/** Each operation may be repeated, and may come in any order that ends with the last one: so a view can be filled while it follows. */
export interface MutableWorldGraph extends WorldGraph {
  addNode(id: string, kind: string): void;
  removeNode(id: string): void;
  addEdge(name: GraphEdgeName, weight: number | null): void;
  removeEdge(name: GraphEdgeName): void;
}

export const createWorldGraph = (): MutableWorldGraph => {
  const nodes = new Map<string, ViewNode>();
  let edges = 0;
  let version = 0;

  const ensure = (id: string): ViewNode => {
    const known = nodes.get(id);
    if (known !== undefined) return known;
    const made: ViewNode = { id, kind: '', out: [], in: [] };
    nodes.set(id, made);
    return made;
  };

  const unhook = (edge: ViewEdge, side: 'out' | 'in'): void => {
    const list = side === 'out' ? edge.from.out : edge.to.in;
    const at = positionIn(list, side, otherEnd(edge, side), edge.kind);
    if (list[at] === edge) list.splice(at, 1);
  };

  const find = ({ from, to, kind }: GraphEdgeName): ViewEdge | undefined => {
    const list = nodes.get(from)?.out ?? [];
    const edge = list[positionIn(list, 'out', to, kind)];
    return edge?.to.id === to && edge.kind === kind ? edge : undefined;
  };

  const drop = (edge: ViewEdge): void => {
    unhook(edge, 'out');
    unhook(edge, 'in');
    edges -= 1;
  };

  return {
    nodes,
    edgeCount: () => edges,
    version: () => version,
    hasEdge: (name) => find(name) !== undefined,
    addNode(id, kind) {
      ensure(id).kind = kind;
      version += 1;
    },
    removeNode(id) {
      const node = nodes.get(id);
      if (node === undefined) return;
      for (const edge of [...node.out, ...node.in.filter(({ from }) => from !== node)]) drop(edge);
      nodes.delete(id);
      version += 1;
    },
    addEdge(name, weight) {
      const old = find(name);
      if (old?.weight === weight) return;
      if (old !== undefined) drop(old);
      const edge: ViewEdge = { from: ensure(name.from), to: ensure(name.to), kind: name.kind, weight };
      const { out } = edge.from;
      const { in: into } = edge.to;
      out.splice(positionIn(out, 'out', name.to, name.kind), 0, edge);
      into.splice(positionIn(into, 'in', name.from, name.kind), 0, edge);
      edges += 1;
      version += 1;
    },
    removeEdge(name) {
      const edge = find(name);
      if (edge === undefined) return;
      drop(edge);
      version += 1;
    },
  };
};

const otherEnd = (edge: ViewEdge, side: 'out' | 'in'): string => (side === 'out' ? edge.to.id : edge.from.id);

/** Where an edge with this other end and kind stands in a sorted list, or would stand. */
const positionIn = (list: readonly ViewEdge[], side: 'out' | 'in', other: string, kind: string): number => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const edge = list[middle];
    if (edge === undefined) return middle;
    const end = otherEnd(edge, side);
    if (end < other || (end === other && edge.kind < kind)) low = middle + 1;
    else high = middle;
  }
  return low;
};
