import { tracked } from '@trpc/server';
import { z } from 'zod';
import { CrucibleError } from '../src/kernel/errors.ts';
import type { WorldScope } from '../src/access/principal.ts';
import type { EventFeed } from './event-feed.ts';
import { filterSchema } from './schemas.ts';
import { requires } from './trpc.ts';

const positionSchema = z.int().min(0);

const streamSchema = z.strictObject({
  filters: z.array(filterSchema).min(1).max(100).meta({ description: 'Any one of these suffices.' }),
  after: positionSchema
    .meta({
      description: 'What comes after this position is read first; absent: only what happens from now on.',
    })
    .exactOptional(),
  epoch: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: 'Of the `subscribed` under which `after` was read.' })
    .exactOptional(),
  world: z.string().min(1).max(64).meta({ description: 'Narrows to one world.' }).exactOptional(),
  lastEventId: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the id of an event of this stream: a position')
    .meta({
      description: 'What EventSource sends as `Last-Event-ID` when it comes back; goes before `after`.',
    })
    .exactOptional(),
});

const worldsOf = (scope: WorldScope, world: string | undefined): readonly string[] | undefined => {
  if (world === undefined) return scope.visible;
  if (scope.visible === undefined || scope.visible.includes(world)) return [world];
  throw new CrucibleError('forbidden', `These credentials do not open the world ${world}`);
};

/**
 * `events.stream`: the log as server-sent events. The id of each is the position up to which everything has been given,
 * so that who comes back with the last one misses nothing and gets nothing twice. It stands in tRPC only.
 */
export const streamProcedure = (feed: EventFeed) =>
  requires('event:read')
    .input(streamSchema)
    .subscription(async function* stream({ input, ctx, signal }) {
      const { filters, after, epoch, world, lastEventId } = input;
      const items = feed.read({
        filters,
        after: lastEventId === undefined ? after : Number(lastEventId),
        epoch,
        worlds: worldsOf(ctx.caller.scope, world),
        principal: ctx.caller.principal,
        signal: signal ?? new AbortController().signal,
      });
      for await (const item of items) yield tracked(String(item.position), item);
    });
