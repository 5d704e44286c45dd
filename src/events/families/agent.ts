import { z } from 'zod';
import { defineEventType } from '../event-type.ts';
import { durationMs, failure, id, json, jsonObject, text } from './fields.ts';

const agent_id = id('The agent.');
const room = id('The room.');

const registered = defineEventType({
  type: 'agent.registered',
  version: '1.2.0',
  description: 'An agent is known from now on.',
  schema: z.strictObject({
    agent_id,
    name: text('Its name for people.'),
    version: text('Its own version.').optional(),
    capabilities: z.array(z.string()).optional().describe('What it says it can do.'),
    actions: z
      .array(jsonObject('An action.'))
      .optional()
      .describe('What it can be asked to do: name, handler, schemas. Secrets are named in them, not told.'),
    metadata: jsonObject('What it says of itself.').optional(),
  }),
  example: { agent_id: 'web-search', name: 'Web search', capabilities: ['search', 'fetch'] },
});

const unregistered = defineEventType({
  type: 'agent.unregistered',
  version: '1.0.0',
  description: 'An agent is gone.',
  schema: z.strictObject({ agent_id, reason: text('Why.').optional() }),
  example: { agent_id: 'web-search', reason: 'shut down' },
});

const joinedRoom = defineEventType({
  type: 'agent.joined_room',
  version: '1.0.0',
  description: 'An agent entered a room.',
  schema: z.strictObject({ agent_id, room }),
  example: { agent_id: 'web-search', room: 'research' },
});

const leftRoom = defineEventType({
  type: 'agent.left_room',
  version: '1.0.0',
  description: 'An agent left a room.',
  schema: z.strictObject({ agent_id, room, reason: text('Why.').optional() }),
  example: { agent_id: 'web-search', room: 'research' },
});

const actionRequested = defineEventType({
  type: 'agent.action_requested',
  version: '1.0.0',
  description:
    'Somebody wants an agent to do something. Leads to a run, which ends with `agent.action_executed`.',
  schema: z.strictObject({
    agent_id,
    action: text('Which of its actions.'),
    inputs: jsonObject('What it is given. Fits the schema of the action.'),
  }),
  example: { agent_id: 'web-search', action: 'search', inputs: { q: 'scaled dot-product attention' } },
});

const actionExecuted = defineEventType({
  type: 'agent.action_executed',
  version: '1.1.0',
  description: 'An agent did something, or tried to.',
  schema: z.strictObject({
    agent_id,
    action: text('Which of its actions.'),
    inputs: jsonObject('What it was given.'),
    outputs: json('What came out.').optional(),
    duration_ms: durationMs,
    success: z.boolean().describe('Whether it worked.'),
    error: failure.nullable().optional().describe('What went wrong; absent or null if it worked.'),
    run_id: id('The run that did it, if Crucible did.').optional(),
  }),
  example: {
    agent_id: 'web-search',
    action: 'search',
    inputs: { q: 'scaled dot-product attention' },
    outputs: { results: 10 },
    duration_ms: 812,
    success: true,
  },
});

const message = {
  agent_id,
  message_id: id('The message.'),
  room: room.optional(),
  content: text('What it says.'),
};

const messageSent = defineEventType({
  type: 'agent.message_sent',
  version: '1.0.0',
  description: 'An agent said something.',
  schema: z.strictObject({ ...message, to: id('To whom, if to one.').optional() }),
  example: { agent_id: 'web-search', message_id: 'm_41', room: 'research', content: 'Found ten papers.' },
});

const messageReceived = defineEventType({
  type: 'agent.message_received',
  version: '1.0.0',
  description: 'Something was said to an agent.',
  schema: z.strictObject({ ...message, from: id('By whom.').optional() }),
  example: { agent_id: 'web-search', message_id: 'm_40', content: 'Look for attention.', from: 'user:alice' },
});

const toolCreated = defineEventType({
  type: 'agent.tool_created',
  version: '1.0.0',
  description: 'An agent made itself a tool.',
  schema: z.strictObject({
    agent_id,
    tool: text('Its name.'),
    description: text('What it does.').optional(),
    parameters: jsonObject('The JSON Schema of what it takes.').optional(),
  }),
  example: { agent_id: 'web-search', tool: 'arxiv_lookup', description: 'Finds a paper by its id' },
});

const toolUsed = defineEventType({
  type: 'agent.tool_used',
  version: '1.0.0',
  description: 'An agent used a tool.',
  schema: z.strictObject({
    agent_id,
    tool: text('Its name.'),
    inputs: jsonObject('What it was given.').optional(),
    outputs: json('What came out.').optional(),
    duration_ms: durationMs,
    success: z.boolean().describe('Whether it worked.'),
    error: failure.nullable().optional(),
  }),
  example: {
    agent_id: 'web-search',
    tool: 'arxiv_lookup',
    inputs: { id: '1706.03762' },
    duration_ms: 203,
    success: true,
  },
});

export const agentEvents = [
  registered,
  unregistered,
  joinedRoom,
  leftRoom,
  actionRequested,
  actionExecuted,
  messageSent,
  messageReceived,
  toolCreated,
  toolUsed,
] as const;
