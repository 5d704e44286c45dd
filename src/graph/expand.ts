import type { Clock } from '../kernel/clock.ts';
import type { Mutation, Records } from '../log/records.ts';
import type { Proposal } from '../state/change.ts';
import type { ExpandGraph } from '../state/writer.ts';
import { rowIdOf } from './ids.ts';
import { stageChanges, type StagedEdge, type StagedGraph, type StagedNode } from './staged-graph.ts';
import { EDGE_TABLE, NODE_TABLE } from './tables.ts';

/**
 * How many edges that go with their nodes are told one by one in one call. A node with more takes them all with it in its
 * one event, because a commit holds 1,024 events: `graph.node_removed` always means that none of its edges is left.
 */
const MAX_EDGES_TOLD = 500;

/**
 * Turns changes of the graph into rows and events: what the changes come to in the end, so that what was taken away and
 * given again, or was there before, is neither written nor told. Edges that go come first, then nodes that go, nodes
 * that come, edges that come: whoever applies the events in their order never meets an edge without its ends.
 *
 * Guarantee: each change of an edge changes the revision of both its ends, and each row is guarded by the revision that
 * was read. A write that somebody else made in between is met as `conflict` (or `already_exists` for a new node of the
 * same name), and nothing is written.
 */
export const createExpandGraph =
  ({ records, clock }: { readonly records: Records; readonly clock: Clock }): ExpandGraph =>
  async (changes, world) => {
    if (changes.length === 0) return { events: [], mutations: [] };
    const staged = await stageChanges(records, changes, world);
    const changed = [...staged.edges.values()].filter(isChanged);
    return {
      events: eventsOf(staged, changed),
      mutations: mutationsOf(staged, changed, { world, now: clock.now() }),
    };
  };

const isChanged = ({ before, now }: StagedEdge): boolean =>
  before === undefined ? now !== undefined : before.weight !== now?.weight;

const isGone = ({ before, now }: StagedNode): boolean => before !== undefined && now === undefined;
const isNew = ({ before, now }: StagedNode): boolean => before === undefined && now !== undefined;

const eventsOf = ({ nodes, edges }: StagedGraph, changed: readonly StagedEdge[]): readonly Proposal[] => {
  const took = new Map<string, number>();
  for (const { before, now, goneWith } of edges.values()) {
    if (before === undefined || now !== undefined || goneWith === undefined) continue;
    took.set(goneWith, (took.get(goneWith) ?? 0) + 1);
  }
  const silent = new Set<string>();
  let told = 0;
  for (const [id, count] of took) {
    const node = nodes.get(id);
    if (told + count > MAX_EDGES_TOLD && node !== undefined && isGone(node)) silent.add(id);
    else told += count;
  }
  return [
    ...changed.flatMap((edge) => (silent.has(edge.goneWith ?? '') ? [] : edgeRemoved(edge))),
    ...[...nodes.values()].filter(isGone).map((node) => nodeRemoved(node, took.get(node.id))),
    ...[...nodes.values()].flatMap(nodeAdded),
    ...changed.flatMap(edgeCreated),
  ];
};

const edgeRemoved = ({ id, name, before, now, reason }: StagedEdge): Proposal[] => {
  if (before === undefined) return [];
  const why = now === undefined ? reason : 'weight_changed';
  return [
    {
      type: 'graph.edge_removed',
      payload: { id, ...name, ...weightOf(before), ...(why === undefined ? {} : { reason: why }) },
      subject: id,
    },
  ];
};

const edgeCreated = ({ id, name, now }: StagedEdge): Proposal[] =>
  now === undefined
    ? []
    : [{ type: 'graph.edge_created', payload: { id, ...name, ...weightOf(now) }, subject: id }];

const nodeRemoved = ({ id, before }: StagedNode, edges: number | undefined): Proposal => ({
  type: 'graph.node_removed',
  payload: {
    id,
    ...(before === undefined ? {} : { kind: before.kind, ...labelOf(before) }),
    ...(edges === undefined ? {} : { edges_removed: edges }),
  },
  subject: id,
});

const nodeAdded = (node: StagedNode): Proposal[] => {
  const { id, now } = node;
  if (now === undefined || !isNew(node)) return [];
  return [{ type: 'graph.node_added', payload: { id, kind: now.kind, ...labelOf(now) }, subject: id }];
};

const weightOf = ({ weight }: { readonly weight: number | null }): { weight?: number } =>
  weight === null ? {} : { weight };
const labelOf = ({ label }: { readonly label: string | null }): { label?: string } =>
  label === null ? {} : { label };

const mutationsOf = (
  { nodes }: StagedGraph,
  changed: readonly StagedEdge[],
  at: { readonly world: string; readonly now: number },
): readonly Mutation[] => {
  const touched = new Set(changed.flatMap(({ name }) => [name.from, name.to]));
  return [
    // The guards of the nodes come first: they tell who else has written before an edge is missed.
    ...[...nodes.values()].flatMap((node) => nodeMutations(node, touched.has(node.id), at)),
    ...changed.map((edge) => edgeMutation(edge, at)),
  ];
};

const nodeMutations = (
  { id, fresh, before, now }: StagedNode,
  touched: boolean,
  at: { readonly world: string; readonly now: number },
): Mutation[] => {
  const row = rowIdOf(at.world, id);
  const table = NODE_TABLE.name;
  if (before === undefined) {
    if (now === undefined) return [];
    const made = { id: row, world: at.world, node: id, ...now, revision: 1, created_at: at.now };
    return [{ op: fresh ? 'insert' : 'create', table, row: made }];
  }
  const guard = { op: 'patch', table, id: row, when: { revision: before.revision } } as const;
  const revision = before.revision + 1;
  if (now === undefined)
    return [
      { ...guard, set: { revision } },
      { op: 'remove', table, id: row },
    ];
  if (!touched && now.label === before.label) return [];
  return [{ ...guard, set: { label: now.label, degree: now.degree, revision } }];
};

const edgeMutation = (
  { id, fresh, name, before, now }: StagedEdge,
  at: { readonly world: string; readonly now: number },
): Mutation => {
  const row = rowIdOf(at.world, id);
  const table = EDGE_TABLE.name;
  if (now === undefined) return { op: 'remove', table, id: row };
  if (before !== undefined)
    return { op: 'patch', table, id: row, when: { weight: before.weight }, set: { weight: now.weight } };
  return {
    op: fresh ? 'insert' : 'create',
    table,
    row: { id: row, world: at.world, edge: id, ...name, weight: now.weight, created_at: at.now },
  };
};
