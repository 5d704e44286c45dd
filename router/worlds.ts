import { z } from 'zod';
import { titleSchema, worldNameSchema } from '../src/agents/input.ts';
import { CrucibleError } from '../src/kernel/errors.ts';
import { worldPageSchema, worldSchema, worldView } from './agent-views.ts';
import { idOfCursor, pageOf } from './cursor.ts';
import { cursorSchema, limitSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';
import { assertVisible, isVisible } from './visible.ts';

/** Worlds: things of the whole installation, so they take the permissions of the system. */
export const createWorldsRouter = ({ worlds }: Pick<Services, 'worlds'>) =>
  createTrpcRouter({
    create: requires('system:write')
      .meta(
        rest({
          method: 'POST',
          path: '/worlds',
          status: 201,
          summary: 'Make a world',
          description: 'None needs making: writing to one is enough. To make it gives it a name.',
          tag: 'worlds',
        }),
      )
      .input(z.strictObject({ world: worldNameSchema, name: titleSchema.exactOptional() }))
      .output(worldSchema)
      .mutation(async ({ input, ctx }) => {
        if (!isVisible(ctx.caller, [input.world]))
          throw new CrucibleError('forbidden', `These credentials do not open the world ${input.world}`);
        const idempotency = ctx.idempotency('POST /worlds');
        return worldView(await worlds.create(input, idempotency === undefined ? {} : { idempotency }));
      }),

    list: requires('system:read')
      .meta(
        rest({
          method: 'GET',
          path: '/worlds',
          summary: 'List worlds, also those that were only written to',
          tag: 'worlds',
        }),
      )
      .input(z.strictObject({ limit: limitSchema, cursor: cursorSchema }))
      .output(worldPageSchema)
      .query(async ({ input: { limit, cursor }, ctx }) => {
        const after = cursor === undefined ? {} : { after: idOfCursor(cursor) };
        const found = await worlds.list(ctx.caller.scope.visible, { ...after, limit });
        const { items, next_cursor } = pageOf(found, limit);
        return { data: items.map(worldView), next_cursor };
      }),

    delete: requires('system:delete')
      .meta(
        rest({
          method: 'DELETE',
          path: '/worlds/{world}',
          status: 204,
          summary: 'Delete a world in which nothing is left',
          description: 'Its events stay in the log. Written to again, it is there again.',
          tag: 'worlds',
        }),
      )
      .input(z.strictObject({ world: worldNameSchema }))
      .output(z.void())
      .mutation(async ({ input, ctx }) => {
        assertVisible(ctx.caller, [input.world], 'world', input.world);
        await worlds.remove(input.world);
      }),
  });
