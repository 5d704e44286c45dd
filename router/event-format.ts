import { z } from 'zod';
import { toCloudEvent } from '../src/events/cloudevent.ts';
import type { CrucibleEvent } from '../src/events/envelope.ts';
import { eventSchema } from './event-views.ts';
import { jsonObjectSchema, nextCursorSchema, timeSchema } from './schemas.ts';

/*
 * Reads of events take `format: cloudevents`. Only REST knows: with it an answer has another type, which the typed client
 * could not tell from the input. So the schemas here check and document more than their types say.
 */

const cloudEventSchema = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string().meta({ example: 'evt_01932f6e-7c1a-7d3e-8f00-1234567890ab' }),
    source: z.string().meta({ example: '/worlds/default/user/alice' }),
    type: z.string().meta({ example: 'custom.note.imported' }),
    subject: z.string().exactOptional(),
    time: timeSchema,
    datacontenttype: z.literal('application/json'),
    dataschema: z.string().meta({ example: 'urn:crucible:event-type:memory.created:1.0.0' }),
    sequence: z.string().meta({ description: 'The position, zero-padded.', example: '00000000000000001042' }),
    traceparent: z.string().exactOptional(),
    correlationid: z.string(),
    causationid: z.string().exactOptional(),
    actor: z.string(),
    data: jsonObjectSchema,
  })
  .meta({ id: 'CloudEvent', description: 'The same event as a CloudEvent 1.0: with `format=cloudevents`.' });

const formatField = z
  .enum(['crucible', 'cloudevents'])
  .meta({ description: 'cloudevents: each event as a CloudEvent 1.0; default crucible.' })
  .exactOptional();

/** The input of a read, which may name a format. */
export const withFormat = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject({ ...shape, format: formatField }) as unknown as z.ZodObject<Shape, z.core.$strict>;

/** An event in either format. */
export const readEventSchema = z.union([eventSchema, cloudEventSchema]) as unknown as typeof eventSchema;

export const readPageSchema = z.object({
  data: z
    .array(readEventSchema)
    .readonly()
    .meta({ description: 'May be short or empty although there is a next_cursor: one read is bounded.' }),
  next_cursor: nextCursorSchema,
});

/** An input without its format, and how it wants events. */
export const splitFormat = <Input extends object>(
  input: Input,
): { readonly rest: Input; readonly view: (event: CrucibleEvent) => CrucibleEvent } => {
  const { format, ...rest } = input as Input & { readonly format?: 'crucible' | 'cloudevents' };
  return {
    rest: rest as unknown as Input,
    view: (event) => (format === 'cloudevents' ? (toCloudEvent(event) as unknown as CrucibleEvent) : event),
  };
};
