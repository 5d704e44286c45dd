import type { Records, Row, TableDefinition } from '../log/records.ts';
import type { NodeKind } from '../state/change.ts';

/** Nodes of tags change with each memory that has them, and a change looks at rows twice. */
const REMEMBERED = { recent: 4_000, recentReads: true } as const;

export const NODE_TABLE: TableDefinition = { name: 'graph_node', indexes: [], ...REMEMBERED };

/** Each index ends in the edge's id, which is unique in its world: what pages go on after. */
export const EDGE_TABLE: TableDefinition = {
  name: 'graph_edge',
  indexes: [
    { name: 'graph_edge_world', fields: ['world', 'edge'] },
    { name: 'graph_edge_from', fields: ['world', 'from', 'edge'] },
    { name: 'graph_edge_to', fields: ['world', 'to', 'edge'] },
    { name: 'graph_edge_kind', fields: ['world', 'kind', 'edge'] },
  ],
  ...REMEMBERED,
};

/** What has been told of by an event, so that it is told once: see `discoveries.ts`. */
export const KNOWN_TABLE: TableDefinition = { name: 'graph_known', indexes: [] };

export const GRAPH_TABLES: readonly TableDefinition[] = [NODE_TABLE, EDGE_TABLE, KNOWN_TABLE];

export type EdgeIndex = 'graph_edge_world' | 'graph_edge_from' | 'graph_edge_to' | 'graph_edge_kind';

export type NodeRow = Row & {
  readonly world: string;
  readonly node: string;
  readonly kind: NodeKind;
  readonly label: string | null;
  /** How many ends of edges it has; an edge from a node to itself has two. */
  readonly degree: number;
  /** Grows with every change of the node and of its edges: the guard of them all. */
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly created_at: number;
};

export type EdgeRow = Row & {
  readonly world: string;
  readonly edge: string;
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly weight: number | null;
  /** Milliseconds since the epoch. */
  readonly created_at: number;
};

export type KnownRow = Row & {
  readonly world: string;
  /** Hashes, the oldest first. */
  readonly known: readonly string[];
  readonly revision: number;
};

// Rows of these tables are written by this folder alone, in these shapes: reading them back needs no second check.

const asNodeRow = (row: Row): NodeRow => row as NodeRow;
export const asEdgeRow = (row: Row): EdgeRow => row as EdgeRow;
export const asKnownRow = (row: Row): KnownRow => row as KnownRow;

/** What one read may ask for. */
export const READ_ROWS = 1_000;

const readMany = async (records: Records, table: string, ids: readonly string[]): Promise<readonly Row[]> => {
  const rows: Row[] = [];
  for (let start = 0; start < ids.length; start += READ_ROWS)
    rows.push(...(await records.getMany(table, ids.slice(start, start + READ_ROWS))));
  return rows;
};

export const readNodes = async (records: Records, rowIds: readonly string[]): Promise<readonly NodeRow[]> =>
  (await readMany(records, NODE_TABLE.name, rowIds)).map(asNodeRow);

export const readEdges = async (records: Records, rowIds: readonly string[]): Promise<readonly EdgeRow[]> =>
  (await readMany(records, EDGE_TABLE.name, rowIds)).map(asEdgeRow);

/** All edges of an index under these values, page by page. */
export async function* edgesBy(
  records: Records,
  index: EdgeIndex,
  equals: readonly string[],
  after?: string,
): AsyncGenerator<readonly EdgeRow[]> {
  for (let last = after; ;) {
    const rows = await records.byIndex({
      table: EDGE_TABLE.name,
      index,
      equals,
      limit: READ_ROWS,
      ...(last === undefined ? {} : { after: last }),
    });
    yield rows.map(asEdgeRow);
    if (rows.length < READ_ROWS) return;
    last = asEdgeRow(rows[rows.length - 1] as Row).edge;
  }
}

/** Every row of a table, page by page, in the order of ids. */
async function* rowsOf(records: Records, table: string): AsyncGenerator<readonly Row[]> {
  for (let after: string | undefined; ;) {
    const rows = await records.list(table, {
      limit: READ_ROWS,
      ...(after === undefined ? {} : { after }),
    });
    yield rows;
    if (rows.length < READ_ROWS) return;
    after = rows.at(-1)?.id;
  }
}

export async function* allNodes(records: Records): AsyncGenerator<readonly NodeRow[]> {
  for await (const rows of rowsOf(records, NODE_TABLE.name)) yield rows.map(asNodeRow);
}

export async function* allEdges(records: Records): AsyncGenerator<readonly EdgeRow[]> {
  for await (const rows of rowsOf(records, EDGE_TABLE.name)) yield rows.map(asEdgeRow);
}
