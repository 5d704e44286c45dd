import { z } from 'zod';
import type { CustomVersion } from '../src/events/custom-types.ts';
import { canonicalType } from '../src/events/type-name.ts';
import { CrucibleError } from '../src/kernel/errors.ts';
import type { EventPage } from '../src/log/log.ts';
import type { Caller } from './context.ts';
import { cursorOfId, idOfCursor } from './cursor.ts';
import {
  eventQuery,
  listEventsSchema,
  publishInputs,
  publishSchema,
  queryEventsSchema,
} from './event-inputs.ts';
import { explanationPageSchema, explanationView } from './explain-views.ts';
import { readEventSchema, readPageSchema, splitFormat, withFormat } from './event-format.ts';
import { eventTypeSchema, publishedSchema } from './event-views.ts';
import { ofLoneEvent, ofQuery, withGivenPaths } from './given-paths.ts';
import { cursorSchema, idSchema, jsonObjectSchema, limitSchema, nextCursorSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { streamProcedure } from './stream.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';

/** Nobody has so many types by accident: the whole catalogue fits. */
const typesLimit = z
  .int()
  .min(1)
  .max(1000)
  .default(200)
  .meta({ description: 'How many entries a page may hold, 1 to 1,000.', example: 200 });
const typeName = z
  .string()
  .min(1)
  .max(200)
  .meta({ description: 'Its name.', example: 'custom.note.imported' });
const typeView = ({ type, version, description, schema, example }: CustomVersion) => ({
  type,
  version,
  description,
  schema,
  example,
});
const eventId = idSchema('evt_01932f6e-7c1a-7d3e-8f00-1234567890ab', "The event's id.");

/** The log: publishing `custom.*` events, and reading everything. */
export const createEventsRouter = (
  services: Pick<Services, 'events' | 'eventTypes' | 'explanations' | 'customTypes' | 'feed'>,
) => {
  const read = async (given: z.output<typeof queryEventsSchema>, caller: Caller): Promise<EventPage> => {
    const { rest: input, view } = splitFormat(given);
    const query = eventQuery(input, caller);
    // A world that the caller may not see holds nothing for it.
    if (query.worlds?.length === 0) return { data: [], next_cursor: null };
    const page = await withGivenPaths(ofQuery(input), () => services.events.query(query));
    return { ...page, data: page.data.map(view) };
  };
  return createTrpcRouter({
    publish: requires('event:write')
      .meta(
        rest({
          method: 'POST',
          path: '/events',
          status: 201,
          summary: 'Publish events',
          description:
            'Stores one event, or up to 1,000, all or nothing; the answer comes after the synced commit. Send an Idempotency-Key to make a repeat harmless.',
          tag: 'events',
        }),
      )
      .input(publishSchema)
      .output(z.object({ data: z.array(publishedSchema).readonly() }))
      .mutation(async ({ input, ctx }) => {
        const idempotency = ctx.idempotency('POST /events');
        const options = idempotency === undefined ? {} : { idempotency };
        const publish = () => services.events.publish(publishInputs(input), options);
        return {
          data: await (input.events === undefined ? withGivenPaths(ofLoneEvent, publish) : publish()),
        };
      }),

    stream: streamProcedure(services.feed),

    list: requires('event:read')
      .meta(rest({ method: 'GET', path: '/events', summary: 'List events, the newest first', tag: 'events' }))
      .input(listEventsSchema)
      .output(readPageSchema)
      .query(({ input, ctx }) => read(input, ctx.caller)),

    query: requires('event:read')
      .meta(
        rest({
          method: 'POST',
          path: '/events/query',
          summary: 'Query events, with conditions on their payload',
          tag: 'events',
        }),
      )
      .input(queryEventsSchema)
      .output(readPageSchema)
      .query(({ input, ctx }) => read(input, ctx.caller)),

    get: requires('event:read')
      .meta(rest({ method: 'GET', path: '/events/{id}', summary: 'Get an event', tag: 'events' }))
      .input(withFormat({ id: eventId }))
      .output(readEventSchema)
      .query(async ({ input, ctx }) => {
        const { rest: asked, view } = splitFormat(input);
        return view(await services.events.get(asked.id, ctx.caller.scope.visible));
      }),

    trace: requires('event:read')
      .meta(
        rest({
          method: 'GET',
          path: '/events/{id}/trace',
          summary: 'The story of an event, in order',
          tag: 'events',
        }),
      )
      .input(withFormat({ id: eventId, limit: limitSchema, cursor: cursorSchema }))
      .output(readPageSchema)
      .query(async ({ input, ctx }) => {
        const { rest: asked, view } = splitFormat(input);
        const { id, ...page } = asked;
        const { visible } = ctx.caller.scope;
        const story = await services.events.trace(
          id,
          visible === undefined ? page : { ...page, worlds: visible },
        );
        return { ...story, data: story.data.map(view) };
      }),

    explain: requires('event:read')
      .meta(
        rest({
          method: 'GET',
          path: '/events/{id}/explain',
          askLeader: ['always'],
          summary: 'Why hooks, webhooks and agents did or did not react to an event',
          description:
            'Clause by clause, by the targets as they stand now, beside the run that there is. Without a target: all of them, in the order of their ids.',
          tag: 'events',
        }),
      )
      .input(
        z.strictObject({
          id: eventId,
          target: z
            .string()
            .min(1)
            .max(300)
            .meta({
              description: '`hook:<name>`, `webhook:<id>` or `agent:<world>/<id>`.',
              example: 'hook:notify-important',
            })
            .exactOptional(),
          limit: limitSchema,
          cursor: cursorSchema,
        }),
      )
      .output(explanationPageSchema)
      .query(async ({ input, ctx }) => {
        const { visible } = ctx.caller.scope;
        const event = await services.events.get(input.id, visible);
        const explanations = await services.explanations.of(event, {
          ...(input.target !== undefined && { target: input.target }),
          ...(input.cursor !== undefined && { after: idOfCursor(input.cursor) }),
          worlds: visible,
          limit: input.limit,
        });
        const last = explanations.at(-1);
        return {
          data: explanations.map(explanationView),
          next_cursor:
            input.target !== undefined || last === undefined || explanations.length < input.limit
              ? null
              : cursorOfId(last.target),
        };
      }),

    types: requires('event:read')
      .meta(
        rest({
          method: 'GET',
          path: '/event-types',
          summary: 'The catalogue of event types',
          description: 'Those of the product, then the registered custom ones, each at its newest version.',
          tag: 'events',
        }),
      )
      .input(z.strictObject({ limit: typesLimit, cursor: cursorSchema }))
      .output(z.object({ data: z.array(eventTypeSchema), next_cursor: nextCursorSchema }))
      .query(({ input }) => {
        const all = services.eventTypes();
        const after = input.cursor === undefined ? undefined : idOfCursor(input.cursor);
        const start = after === undefined ? 0 : all.findIndex(({ type }) => type === after) + 1;
        const data = all.slice(start, start + input.limit);
        const last = data.at(-1);
        const more = last !== undefined && start + data.length < all.length;
        return { data, next_cursor: more ? cursorOfId(last.type) : null };
      }),

    getType: requires('event:read')
      .meta(
        rest({
          method: 'GET',
          path: '/event-types/{type}',
          summary: 'Get an event type',
          description: 'The newest version, or the one that is asked for.',
          tag: 'events',
        }),
      )
      .input(
        z.strictObject({
          type: typeName,
          version: z
            .string()
            .min(1)
            .max(64)
            .meta({ description: 'One of its versions.', example: '1.0.0' })
            .exactOptional(),
        }),
      )
      .output(eventTypeSchema)
      .query(({ input }) => {
        const entry = services.eventTypes().find(({ type }) => type === canonicalType(input.type));
        if (entry === undefined)
          throw new CrucibleError('not_found', 'There is no such event type registered');
        const { version = entry.version } = input;
        if (version === entry.version) return entry;
        const older = services.customTypes.versions(entry.type).find((one) => one.version === version);
        // With the version it is the address of a schema, as CloudEvents name it.
        if (older === undefined) throw new CrucibleError('not_found', `${entry.type} has no such version`);
        return { ...entry, ...typeView(older) };
      }),

    registerType: requires('system:write')
      .meta(
        rest({
          method: 'PUT',
          path: '/event-types/{type}',
          summary: 'Register a version of a custom event type',
          description:
            'Payloads of the type must then fit. A version never changes; under the same major only fields that may be left out are added. It holds in every world.',
          tag: 'events',
        }),
      )
      .input(
        z.strictObject({
          type: typeName,
          version: z
            .string()
            .min(1)
            .max(64)
            .meta({ description: 'A semver above the newest one.', example: '1.0.0' }),
          schema: jsonObjectSchema.meta({
            description: 'JSON Schema (2020-12) of the payload, which is an object.',
            example: { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] },
          }),
          description: z.string().max(1000).meta({ description: 'When it happens.' }).exactOptional(),
          example: jsonObjectSchema
            .meta({ description: 'A payload that fits.', example: { title: 'Deep Learning' } })
            .exactOptional(),
        }),
      )
      .output(eventTypeSchema)
      .mutation(async ({ input }) => {
        const registered = await services.customTypes.register(input);
        const versions = services.customTypes.versions(registered.type).map(({ version }) => version);
        return { ...typeView(registered), versions };
      }),
  });
};
