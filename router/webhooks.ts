import { z } from 'zod';
import { CrucibleError } from '../src/kernel/errors.ts';
import type { WebhookChange, WebhookInput, WebhookView } from '../src/webhooks/webhook.ts';
import type { Caller } from './context.ts';
import { idOfCursor, pageOf } from './cursor.ts';
import { runPageSchema, runSchema, runView } from './run-views.ts';
import { cursorSchema, filterSchema, idSchema, limitSchema, runStateSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';
import { assertVisible, isVisible } from './visible.ts';
import {
  createdWebhookSchema,
  webhookOptionsShape,
  webhookPageSchema,
  webhookSchema,
  webhookView,
} from './webhook-views.ts';

const webhookId = idSchema('whk_01932f6e-7c1a-7d3e-8f00-1234567890ab', "The webhook's id.");

const authSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('bearer'), token: z.string().min(1) }),
    z.strictObject({
      type: z.literal('hmac'),
      secret: z.string().min(1),
      algorithm: z.literal('sha256').default('sha256'),
    }),
    z.strictObject({ type: z.literal('basic'), username: z.string(), password: z.string() }),
    z.strictObject({ type: z.literal('header'), name: z.string().min(1), value: z.string() }),
  ])
  .meta({
    description: 'How a delivery proves itself, besides its signature.',
    example: { type: 'bearer', token: 'tok_1' },
  });

const createSchema = z.strictObject({
  url: z
    .string()
    .min(1)
    .max(2048)
    .meta({ description: 'Where to deliver.', example: 'https://example.org/crucible' }),
  name: z.string().meta({ minLength: 1, maxLength: 100, example: 'Notes to the archive' }).exactOptional(),
  filters: z.array(filterSchema).min(1).max(100).meta({ description: 'Any one of these suffices.' }),
  worlds: z
    .array(z.string().min(1).max(64))
    .min(1)
    .max(100)
    .meta({
      description: 'The worlds it sees; default the one of the request.',
      example: ['default'],
    })
    .exactOptional(),
  auth: authSchema.exactOptional(),
  secret: z
    .string()
    .min(1)
    .max(256)
    .meta({
      description: '`whsec_` and base64 of 24 to 64 bytes; made when absent.',
    })
    .exactOptional(),
  options: z
    .strictObject(webhookOptionsShape)
    .partial()
    .meta({ description: 'What differs from the defaults.' })
    .exactOptional(),
  enabled: z
    .boolean()
    .meta({ description: 'False: matched events are recorded as skipped; default true.' })
    .exactOptional(),
});

const updateSchema = createSchema.extend({
  id: webhookId,
  auth: authSchema
    .nullable()
    .meta({
      description:
        'null: none. Left out it stays, as long as `url` keeps its scheme, host and port: give it again for another server.',
    })
    .exactOptional(),
  secret: createSchema.shape.secret.unwrap().meta({ description: 'Left out it stays.' }).exactOptional(),
});

/** `partial()` lets an explicit undefined through, which JSON cannot say; the service's type forbids it. */
const webhookInput = <T extends Pick<z.output<typeof createSchema>, 'options'>>({
  options,
  ...rest
}: T): Omit<T, 'options'> & Pick<WebhookInput, 'options'> => {
  if (options === undefined) return rest;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...rest, options: Object.fromEntries(given) };
};

/** @throws CrucibleError `forbidden` */
const assertOpen = ({ scope: { visible } }: Caller, worlds: readonly string[]): void => {
  const outside = visible === undefined ? [] : worlds.filter((world) => !visible.includes(world));
  if (outside.length > 0) {
    throw new CrucibleError('forbidden', `These credentials do not open the worlds ${outside.join(', ')}`);
  }
};

/** Webhooks: signed deliveries to other people's servers. */
export const createWebhooksRouter = (services: Pick<Services, 'webhooks' | 'runs'>) => {
  const { webhooks, runs } = services;
  const find = async (caller: Caller, id: string): Promise<WebhookView> => {
    const webhook = await webhooks.get(id);
    assertVisible(caller, webhook.worlds, 'webhook', id);
    return webhook;
  };

  return createTrpcRouter({
    create: requires('webhook:write')
      .meta(
        rest({
          method: 'POST',
          path: '/webhooks',
          status: 201,
          summary: 'Create a webhook',
          description: 'The answer holds the signing secret, this once. The very next event is matched.',
          tag: 'webhooks',
        }),
      )
      .input(createSchema)
      .output(createdWebhookSchema)
      .mutation(async ({ input, ctx }) => {
        assertOpen(ctx.caller, input.worlds ?? []);
        const idempotency = ctx.idempotency('POST /webhooks');
        const options = idempotency === undefined ? {} : { idempotency };
        const { webhook, secret, repeated = false } = await webhooks.create(webhookInput(input), options);
        return { ...webhookView(webhook), secret: repeated ? null : secret };
      }),

    list: requires('webhook:read')
      .meta(rest({ method: 'GET', path: '/webhooks', summary: 'List webhooks', tag: 'webhooks' }))
      .input(z.strictObject({ limit: limitSchema, cursor: cursorSchema }))
      .output(webhookPageSchema)
      .query(async ({ input, ctx }) => {
        const after = input.cursor === undefined ? {} : { after: idOfCursor(input.cursor) };
        const page = pageOf(await webhooks.list({ ...after, limit: input.limit }), input.limit);
        const visible = page.items.filter((webhook) => isVisible(ctx.caller, webhook.worlds));
        return { data: visible.map(webhookView), next_cursor: page.next_cursor };
      }),

    get: requires('webhook:read')
      .meta(rest({ method: 'GET', path: '/webhooks/{id}', summary: 'Get a webhook', tag: 'webhooks' }))
      .input(z.strictObject({ id: webhookId }))
      .output(webhookSchema)
      .query(async ({ input, ctx }) => webhookView(await find(ctx.caller, input.id))),

    update: requires('webhook:write')
      .meta(
        rest({
          method: 'PUT',
          path: '/webhooks/{id}',
          summary: 'Replace a webhook',
          description:
            'Give all of it. `auth` and `secret` stay when they are left out; for all else the defaults are those of a new webhook. The very next event is matched by it, and deliveries that wait go to its address.',
          tag: 'webhooks',
        }),
      )
      .input(updateSchema)
      .output(webhookSchema)
      .mutation(async ({ input, ctx }) => {
        const { id, ...change } = input;
        const { worlds } = await find(ctx.caller, id);
        // What waits for delivery from any of its worlds goes to the new address.
        assertOpen(ctx.caller, [...worlds, ...(change.worlds ?? [])]);
        return webhookView(await webhooks.update(id, webhookInput(change) satisfies WebhookChange));
      }),

    delete: requires('webhook:delete')
      .meta(
        rest({
          method: 'DELETE',
          path: '/webhooks/{id}',
          status: 204,
          summary: 'Delete a webhook',
          tag: 'webhooks',
        }),
      )
      .input(z.strictObject({ id: webhookId }))
      .output(z.void())
      .mutation(async ({ input, ctx }) => {
        await find(ctx.caller, input.id);
        await webhooks.remove(input.id);
      }),

    deliveries: requires('webhook:read')
      .meta(
        rest({
          method: 'GET',
          path: '/webhooks/{id}/deliveries',
          summary: "A webhook's deliveries, the newest first",
          description: 'Each is a run: `GET /runs/{id}` tells its attempts.',
          tag: 'webhooks',
        }),
      )
      .input(
        z.strictObject({
          id: webhookId,
          state: runStateSchema.exactOptional(),
          limit: limitSchema,
          cursor: cursorSchema,
        }),
      )
      .output(runPageSchema)
      .query(async ({ input, ctx }) => {
        const { id, ...page } = input;
        await find(ctx.caller, id);
        const { data, next_cursor } = await runs.list(`webhook:${id}`, page);
        return { data: data.filter((run) => isVisible(ctx.caller, [run.world])).map(runView), next_cursor };
      }),

    retry: requires('webhook:write')
      .meta(
        rest({
          method: 'POST',
          path: '/webhooks/{id}/deliveries/{run_id}/retry',
          status: 202,
          summary: 'Send a finished delivery again',
          tag: 'webhooks',
        }),
      )
      .input(
        z.strictObject({
          id: webhookId,
          run_id: idSchema('run_01932f6e-7c1a-7d3e-8f00-1234567890ab', "The delivery's run."),
        }),
      )
      .output(runSchema)
      .mutation(async ({ input, ctx }) => {
        await find(ctx.caller, input.id);
        const { run } = await runs.get(input.run_id);
        if (run.target !== `webhook:${input.id}`) {
          throw new CrucibleError('not_found', `There is no delivery ${input.run_id} of this webhook`);
        }
        assertVisible(ctx.caller, [run.world], 'delivery', input.run_id);
        const idempotency = ctx.idempotency(`POST /webhooks/${input.id}/deliveries/${input.run_id}/retry`);
        return runView(await runs.replay(input.run_id, idempotency === undefined ? {} : { idempotency }));
      }),
  });
};
