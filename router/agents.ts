import { z } from 'zod';
import type { Once } from '../src/agents/agent.ts';
import {
  actionNameSchema,
  agentInputSchema,
  jsonObjectSchema,
  jsonSchema,
  roomNameSchema,
  toolNameSchema,
} from '../src/agents/input.ts';
import {
  actionResultSchema,
  actionResultView,
  agentPageSchema,
  agentSchema,
  agentView,
  messageSchema,
  toolPageSchema,
  toolSchema,
  toolView,
} from './agent-views.ts';
import { assertActsAs } from './acts-as.ts';
import type { RequestContext } from './context.ts';
import { idOfCursor, pageOf } from './cursor.ts';
import { cursorSchema, idSchema, limitSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';

const agentId = idSchema('web-search', "The agent's id.");
const inThis = z.strictObject({ id: agentId });

const MAX_WAIT_MS = 60_000;

/** With the key that the client sent, if it sent one. */
const once = (ctx: RequestContext, route: string): Once => {
  const idempotency = ctx.idempotency(route);
  return idempotency === undefined ? {} : { idempotency };
};

const afterOf = (cursor: string | undefined): { readonly after?: string } =>
  cursor === undefined ? {} : { after: idOfCursor(cursor) };

/** Agents of the world of the request: what they are, do, say and make. */
export const createAgentsRouter = ({
  agents,
  actions,
  messages,
  rooms,
  tools,
}: Pick<Services, 'agents' | 'actions' | 'messages' | 'rooms' | 'tools'>) =>
  createTrpcRouter({
    register: requires('agent:write')
      .meta(
        rest({
          method: 'POST',
          path: '/agents',
          status: 201,
          summary: 'Register an agent',
          description:
            'Its id is made of its name, and is unique in the world. It takes the very next request.',
          tag: 'agents',
        }),
      )
      .input(agentInputSchema)
      .output(agentSchema)
      .mutation(async ({ input, ctx }) => agentView(await agents.register(input, once(ctx, 'POST /agents')))),

    list: requires('agent:read')
      .meta(rest({ method: 'GET', path: '/agents', summary: 'List agents', tag: 'agents' }))
      .input(z.strictObject({ limit: limitSchema, cursor: cursorSchema }))
      .output(agentPageSchema)
      .query(async ({ input: { limit, cursor }, ctx }) => {
        const found = await agents.list(ctx.caller.scope.world, { ...afterOf(cursor), limit });
        const { items, next_cursor } = pageOf(found, limit);
        return { data: items.map(agentView), next_cursor };
      }),

    get: requires('agent:read')
      .meta(rest({ method: 'GET', path: '/agents/{id}', summary: 'Get an agent', tag: 'agents' }))
      .input(inThis)
      .output(agentSchema)
      .query(async ({ input, ctx }) => agentView(await agents.get(ctx.caller.scope.world, input.id))),

    unregister: requires('agent:delete')
      .meta(
        rest({
          method: 'DELETE',
          path: '/agents/{id}',
          status: 204,
          summary: 'Unregister an agent',
          description: 'Its tools and memberships go with it; what it still had to do is skipped.',
          tag: 'agents',
        }),
      )
      .input(
        z.strictObject({
          id: agentId,
          reason: z
            .string()
            .min(1)
            .max(500)
            .meta({ description: 'Why.', example: 'shut down' })
            .exactOptional(),
        }),
      )
      .output(z.void())
      .mutation(async ({ input: { id, ...options } }) => agents.unregister(id, options)),

    execute: requires('agent:execute')
      .meta(
        rest({
          method: 'POST',
          path: '/agents/{id}/actions',
          summary: 'Have an agent do something',
          description:
            'A run, which goes on whoever listens. 200: it has ended within wait_ms, well or badly; 202: it goes on.',
          tag: 'agents',
          accepted: (answer) => !(answer as z.output<typeof actionResultSchema>).ended,
        }),
      )
      .input(
        z.strictObject({
          id: agentId,
          action: actionNameSchema,
          inputs: jsonObjectSchema
            .default({})
            .meta({ description: 'Must fit the schema of the action.', example: { q: 'attention' } }),
          wait_ms: z
            .int()
            .min(0)
            .max(MAX_WAIT_MS)
            .default(10_000)
            .meta({ description: 'How long to wait for its end.', example: 10_000 }),
        }),
      )
      .output(actionResultSchema)
      .mutation(async ({ input: { id, wait_ms: waitMs, ...request }, ctx }) =>
        actionResultView(
          await actions.execute(id, request, { ...once(ctx, `POST /agents/${id}/actions`), waitMs }),
        ),
      ),

    send: requires('agent:write')
      .meta(
        rest({
          method: 'POST',
          path: '/agents/{id}/messages',
          status: 201,
          summary: 'Send a message from an agent, to one or to a room',
          tag: 'agents',
        }),
      )
      .input(
        z
          .strictObject({
            id: agentId,
            to: agentId.meta({ description: 'The agent that it is for.' }).exactOptional(),
            room: roomNameSchema.meta({ description: 'Or the room: all its other members.' }).exactOptional(),
            content: z
              .string()
              .min(1)
              .max(262_144)
              .meta({ description: 'What it says.', example: 'Found ten papers.' }),
          })
          .refine(({ to, room }) => (to === undefined) !== (room === undefined), {
            path: ['to'],
            message: 'give either `to` or `room`',
          })
          .meta({ choice: [['to'], ['room']] }),
      )
      .output(messageSchema)
      .mutation(async ({ input: { id, to, room, content }, ctx }) => {
        assertActsAs(ctx.caller, id);
        const target = room === undefined ? { to: to ?? '' } : { room };
        return messages.send(id, { ...target, content }, once(ctx, `POST /agents/${id}/messages`));
      }),

    join: requires('agent:write')
      .meta(
        rest({
          method: 'POST',
          path: '/agents/{id}/rooms',
          status: 204,
          summary: 'Have an agent join a room',
          description: 'To join again changes nothing.',
          tag: 'agents',
        }),
      )
      .input(z.strictObject({ id: agentId, room: roomNameSchema }))
      .output(z.void())
      .mutation(async ({ input: { id, room }, ctx }) => {
        assertActsAs(ctx.caller, id);
        await rooms.join(id, room, once(ctx, `POST /agents/${id}/rooms`));
      }),

    leave: requires('agent:write')
      .meta(
        rest({
          method: 'DELETE',
          path: '/agents/{id}/rooms/{room}',
          status: 204,
          summary: 'Have an agent leave a room',
          tag: 'agents',
        }),
      )
      .input(z.strictObject({ id: agentId, room: roomNameSchema }))
      .output(z.void())
      .mutation(async ({ input: { id, room }, ctx }) => {
        assertActsAs(ctx.caller, id);
        await rooms.leave(id, room);
      }),

    createTool: requires('agent:write')
      .meta(
        rest({
          method: 'POST',
          path: '/agents/{id}/tools',
          status: 201,
          summary: 'Tell of a tool that an agent has made',
          tag: 'agents',
        }),
      )
      .input(
        z.strictObject({
          id: agentId,
          name: toolNameSchema,
          description: z.string().max(2_000).meta({ description: 'What it does.' }).exactOptional(),
          parameters: jsonObjectSchema
            .meta({ description: 'The JSON Schema (2020-12) of what it takes.' })
            .exactOptional(),
        }),
      )
      .output(toolSchema)
      .mutation(async ({ input: { id, ...tool }, ctx }) => {
        assertActsAs(ctx.caller, id);
        return toolView(await tools.create(id, tool, once(ctx, `POST /agents/${id}/tools`)));
      }),

    tools: requires('agent:read')
      .meta(
        rest({
          method: 'GET',
          path: '/agents/{id}/tools',
          summary: 'List the tools of an agent',
          tag: 'agents',
        }),
      )
      .input(z.strictObject({ id: agentId, limit: limitSchema, cursor: cursorSchema }))
      .output(toolPageSchema)
      .query(async ({ input: { id, limit, cursor }, ctx }) => {
        const found = await tools.list(ctx.caller.scope.world, id, { ...afterOf(cursor), limit });
        const { next_cursor } = pageOf(
          found.map(({ name }) => ({ id: name })),
          limit,
        );
        return { data: found.map(toolView), next_cursor };
      }),

    useTool: requires('agent:write')
      .meta(
        rest({
          method: 'POST',
          path: '/agents/{id}/tools/{name}/use',
          status: 201,
          summary: 'Tell of a use that an agent has made of a tool',
          tag: 'agents',
        }),
      )
      .input(
        z.strictObject({
          id: agentId,
          name: toolNameSchema,
          inputs: jsonObjectSchema
            .meta({ description: 'Must fit the parameters of the tool.' })
            .exactOptional(),
          outputs: jsonSchema.meta({ description: 'What came out.' }).exactOptional(),
          duration_ms: z.number().min(0).max(Number.MAX_SAFE_INTEGER).meta({ example: 203 }),
          success: z.boolean().meta({ description: 'Whether it worked.' }),
          error: z
            .strictObject({ code: z.string().min(1).max(100), message: z.string().max(2_000) })
            .meta({ description: 'What went wrong.' })
            .exactOptional(),
        }),
      )
      .output(z.object({ event_id: z.string() }))
      .mutation(async ({ input: { id, name, ...use }, ctx }) => {
        assertActsAs(ctx.caller, id);
        const event = await tools.use(id, name, use, once(ctx, `POST /agents/${id}/tools/${name}/use`));
        return { event_id: event.id };
      }),
  });
