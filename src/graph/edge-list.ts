import type { Records } from '../log/records.ts';
import type { EdgePage, EdgeQuery, EdgeView } from './graph.ts';
import { edgeIdOf, rowIdOf } from './ids.ts';
import { asEdgeRow, EDGE_TABLE, READ_ROWS, readEdges, type EdgeIndex, type EdgeRow } from './tables.ts';

/** How many reads a page may take when few of the rows read are wanted. */
const MAX_READS = 5;

/** A stretch of an index. Of several the first comes first; a position in the list is `<stretch>:<edge id>`. */
interface Stretch {
  readonly index: EdgeIndex;
  readonly equals: readonly string[];
  readonly wants: (edge: EdgeRow) => boolean;
}

/** One page of the edges of a world that fit, in the order of their ids; of a node, those that go out come first. */
export const listEdges = async (records: Records, world: string, query: EdgeQuery): Promise<EdgePage> => {
  const { from, to, type } = query;
  if (from !== undefined && to !== undefined && type !== undefined) {
    const rows = await readEdges(records, [rowIdOf(world, edgeIdOf(world, { from, to, kind: type }))]);
    return { edges: rows.filter((edge) => isAt(edge, query.node)).map(edgeView), next: null };
  }
  return scan(records, stretchesOf(world, query), query);
};

const isAt = ({ from, to }: EdgeRow, node: string | undefined): boolean =>
  node === undefined || from === node || to === node;

const stretchesOf = (world: string, { from, to, node, type }: EdgeQuery): readonly Stretch[] => {
  const wants = (edge: EdgeRow): boolean =>
    (from === undefined || edge.from === from) &&
    (to === undefined || edge.to === to) &&
    (type === undefined || edge.kind === type) &&
    isAt(edge, node);
  if (from !== undefined) return [{ index: 'graph_edge_from', equals: [world, from], wants }];
  if (to !== undefined) return [{ index: 'graph_edge_to', equals: [world, to], wants }];
  if (node !== undefined) {
    return [
      { index: 'graph_edge_from', equals: [world, node], wants },
      // An edge from the node to itself has been there before.
      { index: 'graph_edge_to', equals: [world, node], wants: (edge) => edge.from !== node && wants(edge) },
    ];
  }
  if (type !== undefined) return [{ index: 'graph_edge_kind', equals: [world, type], wants }];
  return [{ index: 'graph_edge_world', equals: [world], wants }];
};

const scan = async (
  records: Records,
  stretches: readonly Stretch[],
  { limit, after }: EdgeQuery,
): Promise<EdgePage> => {
  const edges: EdgeView[] = [];
  let { stretch: at, edge: last } = placeOf(after);
  for (let reads = 0; ; reads += 1) {
    const stretch = stretches[at];
    if (stretch === undefined) return { edges, next: null };
    if (reads === MAX_READS) return { edges, next: `${at}:${last}` };
    const rows = await records.byIndex({
      table: EDGE_TABLE.name,
      index: stretch.index,
      equals: stretch.equals,
      limit: READ_ROWS,
      ...(last === '' ? {} : { after: last }),
    });
    for (const row of rows.map(asEdgeRow)) {
      if (stretch.wants(row)) {
        if (edges.length === limit) return { edges, next: `${at}:${last}` };
        edges.push(edgeView(row));
      }
      last = row.edge;
    }
    if (rows.length === READ_ROWS) continue;
    at += 1;
    last = '';
  }
};

const placeOf = (after: string | undefined): { stretch: number; edge: string } => {
  const [, stretch = '0', edge = ''] = /^(\d):(.*)$/.exec(after ?? '') ?? [];
  return { stretch: Number(stretch), edge };
};

const edgeView = ({ edge, from, to, kind, weight }: EdgeRow): EdgeView => ({
  id: edge,
  from,
  to,
  kind,
  weight,
});
