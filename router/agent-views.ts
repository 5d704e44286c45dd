import { z } from 'zod';
import type { ActionResult, AgentView, RoomView, ToolView, WorldView } from '../src/agents/agent.ts';
import { agentInputSchema } from '../src/agents/input.ts';
import {
  jsonObjectSchema,
  jsonValueSchema,
  nextCursorSchema,
  runStateSchema,
  timeSchema,
} from './schemas.ts';
import { isoTime } from './time.ts';

const failureSchema = z.object({
  code: z.string().meta({ description: 'A stable word: `timeout`, `http_500`, `outputs_invalid`.' }),
  message: z.string(),
});

const shown = agentInputSchema.shape.actions.unwrap().element.shape;

/** As it was given: what is secret is named in it, and stands nowhere. */
const actionSchema = z.object({
  name: z.string(),
  description: z.string().nullable(),
  handler: shown.handler,
  inputs: jsonObjectSchema.nullable(),
  outputs: jsonObjectSchema.nullable(),
});

export const agentSchema = z
  .object({
    id: z.string().meta({ example: 'web-search' }),
    world: z.string(),
    name: z.string(),
    version: z.string(),
    capabilities: z.array(z.string()),
    actions: z.array(actionSchema),
    metadata: jsonObjectSchema,
    rooms: z.array(z.string()).meta({ description: 'The rooms that it is a member of.' }),
    definition_hash: z.string().meta({ description: 'Content hash of what its runs execute.' }),
    created_at: timeSchema,
  })
  .meta({ id: 'Agent' });

export const agentPageSchema = z.object({ data: z.array(agentSchema), next_cursor: nextCursorSchema });

export const agentView = (agent: AgentView): z.input<typeof agentSchema> => ({
  id: agent.id,
  world: agent.world,
  name: agent.name,
  version: agent.version,
  capabilities: [...agent.capabilities],
  actions: agent.actions.map(({ name, description, handler, inputs, outputs }) => ({
    name,
    description: description ?? null,
    handler,
    inputs: inputs ?? null,
    outputs: outputs ?? null,
  })),
  metadata: agent.metadata,
  rooms: [...agent.rooms],
  definition_hash: agent.definition,
  created_at: isoTime(agent.created_at),
});

export const actionResultSchema = z
  .object({
    run_id: z.string().meta({ example: 'run_01932f6e-7c1a-7d3e-8f00-1234567890ab' }),
    event_id: z.string().meta({ description: 'The event `agent.action_requested` that it reacts to.' }),
    state: runStateSchema,
    ended: z.boolean().meta({ description: 'False: it goes on, and `GET /runs/{id}` tells how.' }),
    outputs: jsonValueSchema.meta({ description: 'What came out; null until it has succeeded.' }),
    error: failureSchema.nullable(),
  })
  .meta({ id: 'ActionResult' });

export const actionResultView = (result: ActionResult): z.input<typeof actionResultSchema> => ({
  run_id: result.run_id,
  event_id: result.event_id,
  state: result.state,
  ended: result.ended,
  outputs: result.outputs,
  error: result.error,
});

export const messageSchema = z.object({
  message_id: z.string(),
  event_id: z.string(),
  recipients: z.int().meta({ description: 'How many agents got it.' }),
});

export const toolSchema = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    parameters: jsonObjectSchema.nullable(),
    created_at: timeSchema,
  })
  .meta({ id: 'Tool' });

export const toolPageSchema = z.object({ data: z.array(toolSchema), next_cursor: nextCursorSchema });

export const toolView = (tool: ToolView): z.input<typeof toolSchema> => ({
  name: tool.name,
  description: tool.description,
  parameters: tool.parameters,
  created_at: isoTime(tool.created_at),
});

export const roomSchema = z
  .object({
    id: z.string().meta({ example: 'research' }),
    world: z.string(),
    name: z.string().nullable(),
    metadata: jsonObjectSchema,
    members: z.int().meta({ description: 'How many agents are in it.' }),
    created_at: timeSchema,
  })
  .meta({ id: 'Room' });

export const roomPageSchema = z.object({ data: z.array(roomSchema), next_cursor: nextCursorSchema });

export const roomView = (room: RoomView): z.input<typeof roomSchema> => ({
  id: room.id,
  world: room.world,
  name: room.name,
  metadata: room.metadata,
  members: room.members,
  created_at: isoTime(room.created_at),
});

export const worldSchema = z
  .object({
    id: z.string().meta({ example: 'lab' }),
    name: z.string().nullable(),
    created: z
      .boolean()
      .meta({ description: 'False: nobody made it; it is there because it was written to.' }),
    created_at: timeSchema.meta({ description: 'When it was made, or first seen.' }),
  })
  .meta({ id: 'World' });

export const worldPageSchema = z.object({ data: z.array(worldSchema), next_cursor: nextCursorSchema });

export const worldView = (world: WorldView): z.input<typeof worldSchema> => ({
  id: world.id,
  name: world.name,
  created: world.created,
  created_at: isoTime(world.created_at),
});
