import type { Outcome } from './analysis/protocol.ts';
import type { Snapshot } from './analysis/snapshot.ts';
import { hashOf, type Finding } from './discoveries.ts';
import type { WorldGraph } from './world-graph.ts';

/** A group of two nodes or more. */
interface Community {
  readonly id: string;
  /** Those with most edges first. */
  readonly members: readonly string[];
}

export interface Partition {
  /** The largest first. */
  readonly communities: readonly Community[];
  readonly modularity: number;
}

/** How many nodes an event names; the size is told whole. */
const MAX_NAMED = 10_000;

/** The communities that a computation has found. A node alone is none. */
export const partitionOf = (
  graph: WorldGraph,
  { ids }: Snapshot,
  { values, modularity = 0 }: Outcome,
): Partition => {
  const groups = new Map<number, string[]>();
  ids.forEach((id, i) => {
    const group = values[i] ?? -1;
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [id]);
    else members.push(id);
  });
  const degree = (id: string): number => {
    const node = graph.nodes.get(id);
    return node === undefined ? 0 : node.in.length + node.out.length;
  };
  const communities = [...groups.values()]
    .filter(({ length }) => length > 1)
    .map((members): Community => {
      // They come sorted by id, so the same members give the same id; sorting keeps the order of equals.
      const id = `community_${hashOf(members)}`;
      const degrees = new Map(members.map((member) => [member, degree(member)]));
      return { id, members: members.toSorted((a, b) => (degrees.get(b) ?? 0) - (degrees.get(a) ?? 0)) };
    });
  communities.sort((a, b) => b.members.length - a.members.length || (a.id < b.id ? -1 : 1));
  return { communities, modularity };
};

export const communityFindings = ({ communities, modularity }: Partition): readonly Finding[] =>
  communities.map(({ id, members }) => {
    const nodes = members.slice(0, MAX_NAMED);
    return {
      key: id.slice('community_'.length),
      size: nodes.length,
      event: {
        type: 'graph.community_detected',
        payload: { community: id, nodes, size: members.length, modularity },
        subject: id,
      },
    };
  });
