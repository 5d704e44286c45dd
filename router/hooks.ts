import { z } from 'zod';
import type { HookScope, HookWriteOptions } from '../hooks/service.ts';
import type { Idempotency } from '../src/log/log.ts';
import type { Caller, RequestContext } from './context.ts';
import { idOfCursor, pageOf } from './cursor.ts';
import { hookFields } from './hook-document.ts';
import { hookPageSchema, hookSchema, hookView } from './hook-views.ts';
import { runPageSchema, runView } from './run-views.ts';
import { cursorSchema, idSchema, issueSchema, limitSchema, runStateSchema } from './schemas.ts';
import type { Services } from './services.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';
import { isVisible } from './visible.ts';

const hookId = idSchema('notify-important', "The hook's name.");

/** Documented in whole, and judged by the service, which reports everything that is wrong at once. */
const documented = (field: keyof typeof hookFields, example: unknown) =>
  z
    .unknown()
    .optional()
    .meta({ ...hookFields[field], example });

const definitionFields = {
  name: documented('name', 'notify-important'),
  description: documented('description', 'Push a notification when a note is important'),
  version: documented('version', '1.0.0'),
  enabled: documented('enabled', true),
  worlds: documented('worlds', ['default']),
  trigger: documented('trigger', { timing: 'post', events: [{ event_type: 'custom.note.imported' }] }),
  condition: documented('condition', { when: 'size(event.payload.tags) > 1' }),
  action: documented('action', {
    type: 'http',
    method: 'POST',
    url: 'https://ntfy.example.org/crucible',
  }),
  permissions: documented('permissions', []),
  options: documented('options', { timeout_ms: 10_000 }),
  tests: documented('tests', []),
  documentation: documented('documentation', '# What it does'),
};
/** Read by the document alone. */
const judged = { required: ['name', 'trigger', 'action'], strict: true };
const createSchema = z
  .looseObject(definitionFields)
  .meta({ description: 'A hook, as its file would say it.', ...judged });
const replaceSchema = z.looseObject({ id: hookId, ...definitionFields }).meta({ ...judged });

/** Hooks: what the product does by itself about events. */
export const createHooksRouter = (services: Pick<Services, 'hooks' | 'runs'>) => {
  const { hooks, runs } = services;
  const scopeOf = (caller: Caller): HookScope => ({ worlds: caller.scope.visible });
  const writeOptions = (caller: Caller): HookWriteOptions => ({
    ...scopeOf(caller),
    allowShell: caller.principal.permissions.has('hook:shell'),
  });

  const switchOptions = (
    { caller, idempotency }: Pick<RequestContext, 'idempotency'> & { readonly caller: Caller },
    route: string,
  ): HookScope & { readonly idempotency?: Idempotency } => {
    const key = idempotency(route);
    return { ...scopeOf(caller), ...(key === undefined ? {} : { idempotency: key }) };
  };

  return createTrpcRouter({
    create: requires('hook:write')
      .meta(rest({ method: 'POST', path: '/hooks', status: 201, summary: 'Create a hook', tag: 'hooks' }))
      .input(createSchema)
      .output(hookSchema)
      .mutation(async ({ input, ctx }) => {
        const idempotency = ctx.idempotency('POST /hooks');
        const options = {
          ...writeOptions(ctx.caller),
          ...(idempotency === undefined ? {} : { idempotency }),
        };
        return hookView(await hooks.create(input, options));
      }),

    list: requires('hook:read')
      .meta(rest({ method: 'GET', path: '/hooks', summary: 'List hooks', tag: 'hooks' }))
      .input(z.strictObject({ limit: limitSchema, cursor: cursorSchema }))
      .output(hookPageSchema)
      .query(async ({ input, ctx }) => {
        const after = input.cursor === undefined ? {} : { after: idOfCursor(input.cursor) };
        const page = pageOf(
          await hooks.list({ ...after, ...scopeOf(ctx.caller), limit: input.limit }),
          input.limit,
        );
        return { data: page.items.map(hookView), next_cursor: page.next_cursor };
      }),

    get: requires('hook:read')
      .meta(rest({ method: 'GET', path: '/hooks/{id}', summary: 'Get a hook', tag: 'hooks' }))
      .input(z.strictObject({ id: hookId }))
      .output(hookSchema)
      .query(async ({ input, ctx }) => hookView(await hooks.get(input.id, scopeOf(ctx.caller)))),

    replace: requires('hook:write')
      .meta(rest({ method: 'PUT', path: '/hooks/{id}', summary: 'Replace a hook', tag: 'hooks' }))
      .input(replaceSchema)
      .output(hookSchema)
      .mutation(async ({ input, ctx }) => {
        const { id, ...definition } = input;
        return hookView(await hooks.replace(id, definition, writeOptions(ctx.caller)));
      }),

    delete: requires('hook:delete')
      .meta(
        rest({ method: 'DELETE', path: '/hooks/{id}', status: 204, summary: 'Delete a hook', tag: 'hooks' }),
      )
      .input(z.strictObject({ id: hookId }))
      .output(z.void())
      .mutation(async ({ input, ctx }) => {
        await hooks.remove(input.id, scopeOf(ctx.caller));
      }),

    enable: requires('hook:write')
      .meta(rest({ method: 'POST', path: '/hooks/{id}/enable', summary: 'Enable a hook', tag: 'hooks' }))
      .input(z.strictObject({ id: hookId }))
      .output(hookSchema)
      .mutation(async ({ input, ctx }) => {
        const options = switchOptions(ctx, `POST /hooks/${input.id}/enable`);
        return hookView(await hooks.setEnabled(input.id, true, options));
      }),

    disable: requires('hook:write')
      .meta(rest({ method: 'POST', path: '/hooks/{id}/disable', summary: 'Disable a hook', tag: 'hooks' }))
      .input(z.strictObject({ id: hookId }))
      .output(hookSchema)
      .mutation(async ({ input, ctx }) => {
        const options = switchOptions(ctx, `POST /hooks/${input.id}/disable`);
        return hookView(await hooks.setEnabled(input.id, false, options));
      }),

    validate: requires('hook:read')
      .meta(
        rest({
          method: 'POST',
          path: '/hooks/validate',
          // As it would be registered there: with its directory of hooks, and by its way out.
          askLeader: ['always'],
          summary: 'Check a hook without registering it',
          description:
            'Give the text of a hook file, or a definition. The answer lists everything that is wrong.',
          tag: 'hooks',
        }),
      )
      .input(
        z
          .strictObject({
            text: z.string().meta({ description: 'A whole hook file.' }).exactOptional(),
            file: z
              .string()
              .min(1)
              .max(1024)
              .meta({
                description: 'Its name, for the messages.',
                example: 'notify-important.md',
              })
              .exactOptional(),
            definition: z
              .unknown()
              .optional()
              .meta({ description: 'Or a hook as an object.', example: { name: 'notify-important' } }),
          })
          .refine((input) => (input.text === undefined) !== (input.definition === undefined), {
            message: 'Give either text or definition',
          })
          .meta({ choice: [['text'], ['definition']] }),
      )
      .output(z.object({ valid: z.boolean(), errors: z.array(issueSchema).readonly() }))
      .query(async ({ input }) => {
        const { text, file = 'hook.md', definition } = input;
        const errors = await hooks.validate(text === undefined ? { definition } : { text, file });
        return { valid: errors.length === 0, errors };
      }),

    runs: requires('hook:read')
      .meta(
        rest({
          method: 'GET',
          path: '/hooks/{id}/runs',
          summary: "A hook's runs, the newest first",
          tag: 'hooks',
        }),
      )
      .input(
        z.strictObject({
          id: hookId,
          state: runStateSchema.exactOptional(),
          limit: limitSchema,
          cursor: cursorSchema,
        }),
      )
      .output(runPageSchema)
      .query(async ({ input, ctx }) => {
        const { id, ...page } = input;
        await hooks.get(id, scopeOf(ctx.caller));
        const { data, next_cursor } = await runs.list(`hook:${id}`, page);
        return { data: data.filter((run) => isVisible(ctx.caller, [run.world])).map(runView), next_cursor };
      }),
  });
};
