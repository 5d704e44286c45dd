import type { Clock } from '../kernel/clock.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { named } from '../kernel/references.ts';
import type { Log } from '../log/log.ts';
import type { Change } from '../state/change.ts';
import type { StateWriter } from '../state/writer.ts';
import type { RoomService } from './agent.ts';
import { roomSubject, rowIdOf } from './ids.ts';
import { emptying, joining, leaving, MAX_MEMBERS, MAX_ROOMS_OF_AGENT, membersOf } from './membership.ts';
import {
  asRoom,
  asRow,
  findAgent,
  findRoom,
  listBelow,
  revise,
  roomView,
  ROOM_TABLE,
  type AgentRow,
  type RoomRow,
} from './rows.ts';
import { answered, currentWorld, intendedPayload, namedTaken } from './write.ts';

const NOTHING: Change = { events: [], mutations: [] };

const full = (message: string): CrucibleError =>
  new CrucibleError('conflict', message, { hint: 'Let somebody leave first, or use another room.' });

/** @throws CrucibleError `conflict` */
const assertRoomLeft = (agent: AgentRow, room: RoomRow): void => {
  if (room.members >= MAX_MEMBERS) throw full(`The room ${room.room} has its ${MAX_MEMBERS} members.`);
  if (agent.rooms.length >= MAX_ROOMS_OF_AGENT)
    throw full(`The agent ${agent.agent} is in ${MAX_ROOMS_OF_AGENT} rooms, which is the most.`);
};

/** Rooms by their world, and who is in them. */
export const createRoomService = ({
  log,
  writer,
  clock,
}: {
  readonly log: Log;
  readonly writer: StateWriter;
  readonly clock: Clock;
}): RoomService => {
  const { records } = log;
  return {
    create: async ({ room, name, metadata }, options = {}) => {
      const world = currentWorld();
      const written = await namedTaken(
        writer.write(
          async (intended) => {
            const told = intendedPayload(intended, 'system.room_created');
            const row: RoomRow = {
              id: rowIdOf(world, room),
              world,
              room,
              name: told.name ?? null,
              metadata: told.metadata ?? {},
              members: 0,
              revision: 1,
              created_at: clock.now(),
            };
            return {
              change: {
                events: intended,
                mutations: [{ op: 'create', table: ROOM_TABLE.name, row: asRow(row) }],
              },
              answer: { room: asRow(row) },
            };
          },
          {
            ...options,
            intended: [
              {
                type: 'system.room_created',
                payload: { room, ...(name !== undefined && { name }), ...(metadata && { metadata }) },
                subject: roomSubject(room),
                room,
              },
            ],
          },
        ),
        `There is a room ${JSON.stringify(room)} in this world already.`,
      );
      return roomView(asRoom(answered(written.answer, 'room')));
    },

    list: async (world, page) => {
      const rows = await listBelow<RoomRow>(records, ROOM_TABLE, [world], page);
      await log.settled();
      return rows.map(roomView);
    },

    members: async (world, room, page) => {
      await findRoom(records, world, room);
      const members = await membersOf(records, { world, room }, page);
      await log.settled();
      return members.map((id) => ({ id }));
    },

    remove: async (room) => {
      const world = currentWorld();
      await writer.write(
        async (intended) => {
          const row = await findRoom(records, world, room);
          const left = await emptying(records, row, 'room_deleted');
          return {
            change: {
              events: [...left.events, ...intended],
              mutations: [
                ...left.mutations,
                revise(ROOM_TABLE, row, {}),
                { op: 'remove', table: ROOM_TABLE.name, id: row.id },
              ],
            },
          };
        },
        {
          intended: [{ type: 'system.room_deleted', payload: { room }, subject: roomSubject(room), room }],
        },
      );
    },

    join: async (agent, room, options = {}) => {
      const world = currentWorld();
      await writer.write(async () => {
        const member = await findAgent(records, world, agent);
        const row = await named('room', () => findRoom(records, world, room));
        if (member.rooms.includes(room)) return { change: NOTHING };
        assertRoomLeft(member, row);
        return { change: joining(member, row, clock.now()) };
      }, options);
    },

    leave: async (agent, room) => {
      const world = currentWorld();
      await writer.write(async () => {
        const member = await findAgent(records, world, agent);
        if (!member.rooms.includes(room))
          throw new CrucibleError(
            'not_found',
            `The agent ${agent} is not in a room ${JSON.stringify(room)}.`,
          );
        return { change: leaving(member, await findRoom(records, world, room)) };
      });
    },
  };
};
