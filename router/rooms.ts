import { z } from 'zod';
import { metadataSchema, roomNameSchema, titleSchema } from '../src/agents/input.ts';
import { roomPageSchema, roomSchema, roomView } from './agent-views.ts';
import { idOfCursor, pageOf } from './cursor.ts';
import { cursorSchema, limitSchema, nextCursorSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';

const pageShape = { limit: limitSchema, cursor: cursorSchema };

/** Rooms of the world of the request, in which agents talk. Whoever may change agents may change rooms. */
export const createRoomsRouter = ({ rooms }: Pick<Services, 'rooms'>) =>
  createTrpcRouter({
    create: requires('agent:write')
      .meta(rest({ method: 'POST', path: '/rooms', status: 201, summary: 'Open a room', tag: 'rooms' }))
      .input(
        z.strictObject({
          room: roomNameSchema,
          name: titleSchema.exactOptional(),
          metadata: metadataSchema.meta({ description: 'What is kept beside it.' }).exactOptional(),
        }),
      )
      .output(roomSchema)
      .mutation(async ({ input, ctx }) => {
        const idempotency = ctx.idempotency('POST /rooms');
        return roomView(await rooms.create(input, idempotency === undefined ? {} : { idempotency }));
      }),

    list: requires('agent:read')
      .meta(rest({ method: 'GET', path: '/rooms', summary: 'List rooms', tag: 'rooms' }))
      .input(z.strictObject(pageShape))
      .output(roomPageSchema)
      .query(async ({ input: { limit, cursor }, ctx }) => {
        const after = cursor === undefined ? {} : { after: idOfCursor(cursor) };
        const found = await rooms.list(ctx.caller.scope.world, { ...after, limit });
        const { items, next_cursor } = pageOf(found, limit);
        return { data: items.map(roomView), next_cursor };
      }),

    members: requires('agent:read')
      .meta(
        rest({
          method: 'GET',
          path: '/rooms/{room}/members',
          summary: 'List the agents in a room',
          tag: 'rooms',
        }),
      )
      .input(z.strictObject({ room: roomNameSchema, ...pageShape }))
      .output(z.object({ data: z.array(z.object({ id: z.string() })), next_cursor: nextCursorSchema }))
      .query(async ({ input: { room, limit, cursor }, ctx }) => {
        const after = cursor === undefined ? {} : { after: idOfCursor(cursor) };
        const found = await rooms.members(ctx.caller.scope.world, room, { ...after, limit });
        const { items, next_cursor } = pageOf(found, limit);
        return { data: [...items], next_cursor };
      }),

    delete: requires('agent:delete')
      .meta(
        rest({
          method: 'DELETE',
          path: '/rooms/{room}',
          status: 204,
          summary: 'Close a room for good: every member leaves it',
          tag: 'rooms',
        }),
      )
      .input(z.strictObject({ room: roomNameSchema }))
      .output(z.void())
      .mutation(async ({ input }) => rooms.remove(input.room)),
  });
