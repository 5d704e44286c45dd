import { compileFilters } from '../events/filters/index.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { contentHash } from '../kernel/hash.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { Mutation, Records, Row, TableDefinition } from '../log/records.ts';
import type { Target } from '../dispatch/target.ts';
import type { AgentView, RoomView, ToolView, WorldView } from './agent.ts';
import { agentNodeId, rowIdOf, targetIdOf } from './ids.ts';
import type { AgentAction } from './input.ts';

/*
 * Rows: their ids begin with the world, so that a list of one world is a range of ids. Each row counts its changes in
 * `revision`, which every change compares: what was decided on a row that has changed since is refused, and decided anew.
 */

/** `<world>/<agent>`. Types, not interfaces, so that they are rows. Times are ms since the epoch. */
export type AgentRow = {
  readonly id: string;
  readonly world: string;
  readonly agent: string;
  readonly name: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly actions: readonly AgentAction[];
  readonly metadata: JsonObject;
  /** Sorted. */
  readonly rooms: readonly string[];
  /** How many it has made. */
  readonly tools: number;
  readonly definition: string;
  readonly revision: number;
  readonly created_at: number;
};

/** `<world>/<room>` */
export type RoomRow = {
  readonly id: string;
  readonly world: string;
  readonly room: string;
  readonly name: string | null;
  readonly metadata: JsonObject;
  readonly members: number;
  readonly revision: number;
  readonly created_at: number;
};

/** `<world>/<room>/<agent>` */
export type MemberRow = { readonly id: string; readonly agent: string; readonly joined_at: number };

/** `<world>/<agent>/<tool>` */
export type ToolRow = {
  readonly id: string;
  readonly tool: string;
  readonly description: string | null;
  readonly parameters: JsonObject | null;
  readonly created_at: number;
};

/** `<world>` */
export type WorldRow = {
  readonly id: string;
  readonly name: string | null;
  readonly created: boolean;
  readonly created_at: number;
};

const table = (name: string): TableDefinition => ({ name, indexes: [] });
export const AGENT_TABLE = table('agent');
export const ROOM_TABLE = table('room');
export const MEMBER_TABLE = table('member');
export const TOOL_TABLE = table('tool');
export const WORLD_TABLE = table('world');
export const AGENT_TABLES: readonly TableDefinition[] = [
  AGENT_TABLE,
  ROOM_TABLE,
  MEMBER_TABLE,
  TOOL_TABLE,
  WORLD_TABLE,
];

// Rows of our tables are written by this folder alone, so their shape is known.
export const asAgent = (row: Row): AgentRow => row as unknown as AgentRow;
export const asRoom = (row: Row | JsonValue): RoomRow => row as unknown as RoomRow;
export const asTool = (row: Row | JsonValue): ToolRow => row as unknown as ToolRow;
export const asWorld = (row: Row | JsonValue): WorldRow => row as unknown as WorldRow;
export const asRow = (row: AgentRow | RoomRow | MemberRow | ToolRow | WorldRow): Row => row;

/** @throws CrucibleError `not_found` */
export const findAgent = async (records: Records, world: string, id: string): Promise<AgentRow> => {
  const row = await records.get(AGENT_TABLE.name, rowIdOf(world, id));
  if (row === undefined) throw new CrucibleError('not_found', `There is no agent ${JSON.stringify(id)}.`);
  return asAgent(row);
};

/** @throws CrucibleError `not_found` */
export const findRoom = async (records: Records, world: string, id: string): Promise<RoomRow> => {
  const row = await records.get(ROOM_TABLE.name, rowIdOf(world, id));
  if (row === undefined) throw new CrucibleError('not_found', `There is no room ${JSON.stringify(id)}.`);
  return asRoom(row);
};

/** The rows whose ids begin with these parts, from the one after `after` on. */
export const listBelow = async <T>(
  records: Records,
  { name }: TableDefinition,
  parts: readonly string[],
  { after = '', limit }: { readonly after?: string; readonly limit: number },
): Promise<readonly T[]> => {
  const prefix = rowIdOf(...parts, '');
  const rows = await records.list(name, { after: prefix + after, limit });
  return rows.filter(({ id }) => id.startsWith(prefix)) as unknown as readonly T[];
};

/** A change of a row that nothing else has changed since it was read. */
export const revise = (
  { name }: TableDefinition,
  { id, revision }: AgentRow | RoomRow,
  set: JsonObject,
): Mutation => ({
  op: 'patch',
  table: name,
  id,
  when: { revision },
  set: { ...set, revision: revision + 1 },
});

/** What a run keeps of the agent that it matched. */
export interface AgentDefinition {
  readonly agent: string;
  readonly world: string;
  readonly name: string;
  readonly version: string;
  readonly actions: readonly AgentAction[];
}

export const definitionOf = ({ agent, world, name, version, actions }: AgentDefinition): JsonObject => ({
  agent,
  world,
  name,
  version,
  actions,
});

/** Of a definition that was stored by us: it was judged then, and is never changed. */
export const asDefinition = (definition: JsonObject): AgentDefinition =>
  definition as unknown as AgentDefinition;

export const hashOf = (definition: AgentDefinition): string => contentHash(definitionOf(definition));

/** As matching sees it: it reacts to the requests for its actions, and to nothing else. */
export const targetOf = ({ world, agent, definition }: AgentRow): Target => ({
  id: targetIdOf(world, agent),
  kind: 'agent',
  worlds: [world],
  filters: compileFilters([
    { event_type: 'agent.action_requested', envelope: { subject: agentNodeId(agent) } },
  ]),
  enabled: true,
  paused: false,
  definition,
});

export const agentView = (row: AgentRow): AgentView => ({
  id: row.agent,
  world: row.world,
  name: row.name,
  version: row.version,
  capabilities: row.capabilities,
  actions: row.actions,
  metadata: row.metadata,
  rooms: row.rooms,
  definition: row.definition,
  created_at: row.created_at,
});

export const roomView = (row: RoomRow): RoomView => ({
  id: row.room,
  world: row.world,
  name: row.name,
  metadata: row.metadata,
  members: row.members,
  created_at: row.created_at,
});

export const toolView = (row: ToolRow): ToolView => ({
  name: row.tool,
  description: row.description,
  parameters: row.parameters,
  created_at: row.created_at,
});

export const worldView = ({ id, name, created, created_at }: WorldRow): WorldView => ({
  id,
  name,
  created,
  created_at,
});
