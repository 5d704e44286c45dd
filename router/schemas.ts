import { z } from 'zod';
import type { EventFilter } from '../src/events/filter.ts';
import { RUN_STATES } from '../src/dispatch/run.ts';
import type { JsonObject, JsonValue } from '../src/kernel/json.ts';

/** Pieces that several resources share. */

export const idSchema = (example: string, description: string) =>
  z.string().min(1).max(200).meta({ description, example });

export const limitSchema = z
  .int()
  .min(1)
  .max(1000)
  .default(50)
  .meta({ description: 'How many entries a page may hold, 1 to 1,000.', example: 50 });

export const cursorSchema = z
  .string()
  .min(1)
  .max(2048)

  .meta({ description: 'The next_cursor of the page before, as it came.' })
  .exactOptional();

export const nextCursorSchema = z
  .string()
  .nullable()
  .meta({ description: 'Give it as cursor to get the next page; null: this was the last one.' });

export const timeSchema = z
  .string()
  .meta({ description: 'ISO 8601, UTC, with milliseconds.', example: '2026-11-24T10:30:00.123Z' });

export const runStateSchema = z
  .enum(RUN_STATES)
  .meta({ description: 'Where a run stands.', example: 'succeeded' });

/**
 * Any JSON. Bodies are JSON when they come here, so there is nothing to check, and a recursive schema would cost a walk;
 * the cast gives `unknown` the name of what it is.
 */
export const jsonValueSchema = z.unknown() as unknown as z.ZodType<JsonValue>;

/** A JSON object; what must be in it is for a service to say. */
export const jsonObjectSchema = z.record(z.string(), jsonValueSchema) as unknown as z.ZodType<JsonObject>;

export const issueSchema = z
  .object({
    path: z
      .string()
      .meta({ description: 'Where in the input; empty for the whole.', example: 'events.3.payload.title' }),
    message: z.string(),
    hint: z.string().optional(),
    line: z.int().optional().meta({ description: 'Counted from 1, where the input is a file.' }),
    column: z.int().optional(),
  })
  .meta({ description: 'One thing that is wrong.' });

const typeText = (description: string, example: string) =>
  z.string().min(1).max(200).meta({ description, example }).exactOptional();

/** In any accepted spelling: `src/events` reads it, and says what is missing. */
export const filterSchema = z
  .strictObject({
    event_type: typeText(
      'A type, a family (`memory.*`) or `*`. Required, here or as `type`.',
      'custom.note.*',
    ),
    type: typeText('The same as `event_type`, as hook files write it.', 'custom.note.*'),
    event: typeText('The split form: `event_type` is then only the family.', 'created'),
    filter: z
      .record(z.string(), jsonValueSchema)

      .meta({
        description: 'Conditions by payload path; a bare value means equals.',
        example: { 'metadata.author': 'alice', tags: { contains: '#ai' } },
      })
      .exactOptional(),
    envelope: z
      .record(z.string(), jsonValueSchema)

      .meta({
        description: 'Conditions on world, room, actor, source, subject, correlation_id.',
        example: { actor: { not_equals: 'key:bot' } },
      })
      .exactOptional(),
    when: z
      .string()
      .max(4096)
      .meta({
        description: 'A CEL expression over `event`.',
        example: 'size(event.payload.tags) > 1',
      })
      .exactOptional(),
  })
  .meta({
    description: 'Which events: all parts must hold. In a list of filters, any one suffices.',
  }) as unknown as z.ZodType<EventFilter>;
