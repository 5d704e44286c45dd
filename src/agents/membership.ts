import type { Change, Proposal } from '../state/change.ts';
import type { Mutation, Records } from '../log/records.ts';
import { agentNodeId, rowIdOf } from './ids.ts';
import {
  AGENT_TABLE,
  asAgent,
  asRow,
  findRoom,
  listBelow,
  MEMBER_TABLE,
  revise,
  ROOM_TABLE,
  type AgentRow,
  type MemberRow,
  type RoomRow,
} from './rows.ts';

/**
 * What it is to be in a room: the agent's row names the room, the room's row counts the member, and a row of its own
 * lists it. The three change together.
 *
 * A message reaches every member in its own event, and a room that is deleted tells each of them, in one commit of at most
 * 1,024 events: hence the bounds.
 */
export const MAX_MEMBERS = 1_000;
export const MAX_ROOMS_OF_AGENT = 250;

const leftRoom = (agent: string, room: string, reason?: string): Proposal => ({
  type: 'agent.left_room',
  payload: { agent_id: agent, room, ...(reason !== undefined && { reason }) },
  subject: agentNodeId(agent),
  room,
});

const memberRemoved = (world: string, room: string, agent: string): Mutation => ({
  op: 'remove',
  table: MEMBER_TABLE.name,
  id: rowIdOf(world, room, agent),
});

export const joining = (agent: AgentRow, room: RoomRow, now: number): Change => ({
  events: [
    {
      type: 'agent.joined_room',
      payload: { agent_id: agent.agent, room: room.room },
      subject: agentNodeId(agent.agent),
      room: room.room,
    },
  ],
  mutations: [
    revise(AGENT_TABLE, agent, { rooms: [...agent.rooms, room.room].toSorted() }),
    revise(ROOM_TABLE, room, { members: room.members + 1 }),
    {
      op: 'create',
      table: MEMBER_TABLE.name,
      row: asRow({ id: rowIdOf(room.world, room.room, agent.agent), agent: agent.agent, joined_at: now }),
    },
  ],
});

export const leaving = (agent: AgentRow, room: RoomRow): Change => ({
  events: [leftRoom(agent.agent, room.room)],
  mutations: [
    revise(AGENT_TABLE, agent, { rooms: agent.rooms.filter((name) => name !== room.room) }),
    revise(ROOM_TABLE, room, { members: room.members - 1 }),
    memberRemoved(room.world, room.room, agent.agent),
  ],
});

/** An agent that goes leaves every room. Its own row is for the caller to change. */
export const leavingAll = async (
  records: Records,
  { world, agent, rooms }: AgentRow,
  reason: string,
): Promise<Change> => {
  const rows = await Promise.all(rooms.map((room) => findRoom(records, world, room)));
  return {
    events: rooms.map((room) => leftRoom(agent, room, reason)),
    mutations: rows.flatMap((room) => [
      revise(ROOM_TABLE, room, { members: room.members - 1 }),
      memberRemoved(world, room.room, agent),
    ]),
  };
};

/** Who is in a room, by id. */
export const membersOf = async (
  records: Records,
  { world, room }: Pick<RoomRow, 'world' | 'room'>,
  page: { readonly after?: string; readonly limit: number } = { limit: MAX_MEMBERS },
): Promise<readonly string[]> =>
  (await listBelow<MemberRow>(records, MEMBER_TABLE, [world, room], page)).map(({ agent }) => agent);

/** A room that goes is left by every member. Its own row is for the caller to change. */
export const emptying = async (records: Records, room: RoomRow, reason: string): Promise<Change> => {
  const members = await membersOf(records, room);
  const ids = members.map((agent) => rowIdOf(room.world, agent));
  const agents = (await records.getMany(AGENT_TABLE.name, ids)).map(asAgent);
  return {
    events: members.map((agent) => leftRoom(agent, room.room, reason)),
    mutations: [
      ...agents.map((agent) =>
        revise(AGENT_TABLE, agent, { rooms: agent.rooms.filter((name) => name !== room.room) }),
      ),
      ...members.map((agent) => memberRemoved(room.world, room.room, agent)),
    ],
  };
};
