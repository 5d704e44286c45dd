import { z } from 'zod';
import { jsonObjectSchema, timeSchema } from './schemas.ts';

const sourceSchema = z
  .object({
    kind: z.enum(['user', 'agent', 'system', 'external']),
    user_id: z.string().exactOptional(),
    agent_id: z.string().exactOptional(),
    component: z.string().exactOptional(),
    integration: z.string().exactOptional(),
  })
  .meta({ description: 'Who or what the change came from; kind decides which id is given.' });

/** An event on the wire is the event in the log: its times are ISO already. */
export const eventSchema = z
  .object({
    id: z.string().meta({ example: 'evt_01932f6e-7c1a-7d3e-8f00-1234567890ab' }),
    type: z.string().meta({ example: 'custom.note.imported' }),
    version: z.string().meta({ description: 'The semver of the payload schema.', example: '1.0.0' }),
    position: z
      .int()
      .meta({ description: 'Its place in the one order of everything; no gaps.', example: 1042 }),
    timestamp: timeSchema,
    source: sourceSchema,
    actor: z.string().meta({ example: 'user:alice' }),
    subject: z.string().nullable(),
    correlation_id: z.string().meta({ description: 'The whole story that this belongs to.' }),
    causation_id: z.string().nullable().meta({ description: 'The event that led to this one.' }),
    depth: z.int(),
    world: z.string().meta({ example: 'default' }),
    room: z.string().nullable(),
    payload: jsonObjectSchema,
  })
  .meta({ id: 'Event', description: 'A committed event.' });

export const publishedSchema = z
  .object({
    id: z.string(),
    position: z.int(),
    type: z.string(),
    correlation_id: z.string(),
    duplicate: z.boolean().meta({ description: 'True: it was stored before, by this key or this id.' }),
  })
  .meta({ id: 'Published' });

const anyObject = z.record(z.string(), z.unknown());

export const eventTypeSchema = z
  .object({
    type: z.string().meta({ example: 'memory.created' }),
    version: z.string().meta({ description: 'The newest one, or the one asked for.', example: '1.0.0' }),
    versions: z.array(z.string()).readonly().meta({ description: 'All that are known, oldest first.' }),
    description: z.string(),
    schema: anyObject.meta({ description: 'The JSON Schema of the payload.' }),
    example: anyObject.nullable().meta({ description: 'A payload that fits; null: none was given.' }),
  })
  .meta({ id: 'EventType' });
