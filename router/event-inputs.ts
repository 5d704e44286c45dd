import { z } from 'zod';
import type { EventFilter } from '../src/events/filter.ts';
import { CrucibleError } from '../src/kernel/errors.ts';
import type { Issue } from '../src/kernel/errors.ts';
import type { PublishInput } from '../src/log/event-service.ts';
import type { EventQuery } from '../src/log/log.ts';
import type { Caller } from './context.ts';
import { withFormat } from './event-format.ts';
import { cursorSchema, filterSchema, jsonObjectSchema, limitSchema } from './schemas.ts';

const MAX_EVENTS = 1000;

const typeField = z.string().min(1).max(200).meta({
  description: 'A custom.* type; `Custom.Note.Imported` is accepted too.',
  example: 'custom.note.imported',
});
const eventFields = {
  event: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: 'The split form: type is then only the family.' })
    .exactOptional(),
  subject: z
    .string()
    .min(1)
    .max(512)
    .meta({ description: 'The thing that the event is about.' })
    .exactOptional(),
  room: z.string().min(1).max(200).meta({ description: 'Where in the world it happened.' }).exactOptional(),
  id: z
    .string()
    .min(1)
    .max(200)
    .meta({
      description: 'Your own id, `evt_` and a UUIDv7: publishing it twice stores it once.',
      example: 'evt_01932f6e-7c1a-7d3e-8f00-1234567890ab',
    })
    .exactOptional(),
  version: z
    .string()
    .min(1)
    .max(64)
    .meta({ description: "The semver of the payload's schema.", example: '1.0.0' })
    .exactOptional(),
};
const payloadField = jsonObjectSchema.meta({
  description: 'Any JSON object.',
  example: { title: 'Deep Learning' },
});

const oneEventSchema = z.strictObject({ type: typeField, payload: payloadField, ...eventFields });
type OneEvent = z.output<typeof oneEventSchema>;

/** One event, or `events`: one object, because a union has no place in the document, with a refinement for the choice. */
export const publishSchema = z
  .strictObject({
    type: typeField.exactOptional(),
    payload: payloadField.exactOptional(),
    ...eventFields,
    events: z
      .array(oneEventSchema)
      .min(1)
      .max(MAX_EVENTS)

      .meta({ description: 'Up to 1,000 events, all or nothing; then no other field is given.' })
      .exactOptional(),
  })
  .superRefine((input, ctx) => {
    const problem = (path: string, message: string): void =>
      ctx.addIssue({ code: 'custom', path: [path], message });
    if (input.events === undefined) {
      if (input.type === undefined) problem('type', 'An event needs a type (or give several in events)');
      if (input.payload === undefined) problem('payload', 'An event needs a payload, a JSON object');
      return;
    }
    for (const key of Object.keys(input)) {
      if (key !== 'events') problem(key, 'Beside events no other field is given: put it into each event');
    }
  })
  .meta({
    description: 'One event, or several in events.',
    choice: [['type', 'payload'], ['events']],
    examples: [
      { type: 'custom.note.imported', payload: { title: 'Deep Learning', tags: ['#ai'] } },
      { events: [{ type: 'custom.note.imported', payload: { title: 'Deep Learning' } }] },
    ],
  });

const publishInput = ({ event, ...rest }: OneEvent): PublishInput =>
  event === undefined ? rest : { ...rest, type: `${rest.type}.${event}` };

/** The events of a publish request, in order. */
export const publishInputs = (input: z.output<typeof publishSchema>): readonly PublishInput[] => {
  const { events, type, payload, ...rest } = input;
  if (events !== undefined) return events.map(publishInput);
  // The refinement has seen both; this is for the compiler.
  if (type === undefined || payload === undefined)
    throw new CrucibleError('invalid', 'An event needs a type and a payload');
  return [publishInput({ ...rest, type, payload })];
};

const timeField = (description: string) =>
  z.iso
    .datetime({ offset: true, error: 'An ISO 8601 time with a zone, like 2026-11-24T10:30:00Z' })

    .meta({ description, example: '2026-11-24T10:30:00Z' })
    .exactOptional();
const term = (description: string, example: string) =>
  z.string().min(1).max(512).meta({ description, example }).exactOptional();

const queryFields = {
  type: term('Only this type, or this family: `custom.*`.', 'custom.note.imported'),
  types: z
    .array(z.string().min(1).max(200))
    .min(1)
    .max(100)

    .meta({ description: 'Any of these types or families.', example: ['custom.note.imported', 'memory.*'] })
    .exactOptional(),
  actor: term('Who caused it.', 'user:alice'),
  subject: term('What it is about.', 'msg_01932f6e-7c1a-7d3e-8f00-1234567890ab'),
  correlation_id: term('One story.', 'cor_01932f6e-7c1a-7d3e-8f00-1234567890ab'),
  source: term('`kind`, or `kind:id`.', 'agent:web-search'),
  world: term('Only this world.', 'default'),
  room: term('Only this room.', 'research'),
  from_time: timeField('From this time on, inclusive.'),
  to_time: timeField('Before this time.'),
  after: z
    .int()
    .min(0)
    .meta({ description: 'Only positions greater than this.', example: 1000 })
    .exactOptional(),
  before: z
    .int()
    .min(0)
    .meta({ description: 'Only positions less than this.', example: 2000 })
    .exactOptional(),
  order: z
    .enum(['asc', 'desc'])
    .meta({ description: 'By position; the newest first unless said otherwise.' })
    .exactOptional(),
  limit: limitSchema,
  cursor: cursorSchema,
};

/** What fits into a query string. */
export const listEventsSchema = withFormat(queryFields);

/** The same, with filters on the payload. */
export const queryEventsSchema = withFormat({
  ...queryFields,
  filters: z
    .array(filterSchema)
    .min(1)
    .max(100)
    .meta({ description: 'Any one of these suffices.' })
    .exactOptional(),
  filter: z
    .record(z.string(), z.unknown())

    .meta({
      description: 'Conditions by payload path, for all types asked for.',
      example: { tags: { contains: '#ai' } },
    })
    .exactOptional(),
  when: z
    .string()
    .max(4096)
    .meta({ description: 'A CEL expression over `event`, for all types asked for.' })
    .exactOptional(),
});

type QueryInput = z.output<typeof queryEventsSchema>;

/** `filter` and `when` beside the terms are a filter on every type that was asked for. */
const filtersOf = (input: QueryInput): readonly EventFilter[] | undefined => {
  if (input.filter === undefined && input.when === undefined) return input.filters;
  if (input.filters !== undefined) {
    const issue: Issue = { path: 'filters', message: 'Give either filters, or filter and when' };
    throw new CrucibleError('invalid', 'Give either filters, or filter and when', { issues: [issue] });
  }
  const conditions = {
    ...(input.filter === undefined ? {} : { filter: input.filter as NonNullable<EventFilter['filter']> }),
    ...(input.when === undefined ? {} : { when: input.when }),
  };
  const types = [...(input.type === undefined ? [] : [input.type]), ...(input.types ?? [])];
  return (types.length === 0 ? ['*'] : types).map((event_type): EventFilter =>
    Object.assign({ event_type }, conditions),
  );
};

/** The worlds a query sees: those of the caller, narrowed by what it asks for; none is an empty list, not "all". */
const worldsOf = (caller: Caller, asked: string | undefined): readonly string[] | undefined => {
  const { visible } = caller.scope;
  if (asked === undefined) return visible;
  return visible === undefined || visible.includes(asked) ? [asked] : [];
};

/** The service's query of a request's; newest first unless said otherwise. */
export const eventQuery = (
  input: QueryInput,
  caller: Caller,
): Omit<EventQuery, 'filters'> & { readonly filters?: readonly EventFilter[] } => {
  const {
    type,
    types,
    world,
    from_time,
    to_time,
    filters: _filters,
    filter: _filter,
    when: _when,
    order,
    ...same
  } = input;
  const allTypes = [...(type === undefined ? [] : [type]), ...(types ?? [])];
  const worlds = worldsOf(caller, world);
  const filters = filtersOf(input);
  return {
    ...same,
    order: order ?? 'desc',
    ...(allTypes.length === 0 ? {} : { types: allTypes }),
    ...(worlds === undefined ? {} : { worlds }),
    ...(from_time === undefined ? {} : { from_time: Date.parse(from_time) }),
    ...(to_time === undefined ? {} : { to_time: Date.parse(to_time) }),
    ...(filters === undefined ? {} : { filters }),
  };
};
