import { z } from 'zod';
import { CrucibleError } from '../src/kernel/errors.ts';
import { named } from '../src/kernel/references.ts';
import type { Caller, RequestContext } from './context.ts';
import { cursorOfId, idOfCursor } from './cursor.ts';
import type { Services } from './services.ts';
import { runDetailSchema, runDetailView, runPageSchema, runSchema, runView } from './run-views.ts';
import { cursorSchema, idSchema, limitSchema, runStateSchema } from './schemas.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';
import { assertVisible, isVisible } from './visible.ts';

const runId = idSchema('run_01932f6e-7c1a-7d3e-8f00-1234567890ab', "The run's id.");

const listSchema = z
  .strictObject({
    target: z
      .string()
      .min(1)
      .max(300)
      .meta({ description: 'Whose: `hook:<name>`, `webhook:<id>`.', example: 'hook:notify-important' })
      .exactOptional(),
    event_id: idSchema(
      'evt_01932f6e-7c1a-7d3e-8f00-1234567890ab',
      'Those that this event led to.',
    ).exactOptional(),
    state: runStateSchema.exactOptional(),
    limit: limitSchema,
    cursor: cursorSchema,
  })
  .refine((input) => (input.target === undefined) !== (input.event_id === undefined), {
    message: 'Give either target or event_id',
  });

/** Runs of every kind: what a hook, webhook or flow did about an event. */
export const createRunsRouter = (services: Pick<Services, 'events' | 'runs' | 'workflowUrl'>) => {
  const { runs } = services;

  /** @returns what to hand to a change of this run */
  const changing = async (
    id: string,
    action: string,
    { caller, idempotency }: Pick<RequestContext, 'idempotency'> & { readonly caller: Caller },
  ) => {
    const { run } = await runs.get(id);
    assertVisible(caller, [run.world], 'run', id);
    const key = idempotency(`POST /runs/${id}/${action}`);
    return key === undefined ? {} : { idempotency: key };
  };

  /** In the order of their targets. */
  const ofEvent = async (
    { event_id: id = '', state, cursor, limit }: z.output<typeof listSchema>,
    caller: Caller,
  ) => {
    const event = await named('event_id', () => services.events.get(id, caller.scope.visible));
    const after = cursor === undefined ? undefined : idOfCursor(cursor);
    const all = (await runs.ofEvent(event.position)).filter(
      (run) => (after === undefined || run.target > after) && (state === undefined || run.state === state),
    );
    const data = all.slice(0, limit);
    const last = data.at(-1);
    return {
      data: data.map(runView),
      next_cursor: last === undefined || data.length === all.length ? null : cursorOfId(last.target),
    };
  };

  return createTrpcRouter({
    list: requires('event:read')
      .meta(
        rest({
          method: 'GET',
          path: '/runs',
          summary: 'List the runs of a target, the newest first, or of an event',
          tag: 'runs',
        }),
      )
      .input(listSchema)
      .output(runPageSchema)
      .query(async ({ input, ctx }) => {
        const { target, event_id: eventId, ...page } = input;
        if (target === undefined) return ofEvent(input, ctx.caller);
        if (eventId !== undefined) throw new CrucibleError('invalid', 'Give either target or event_id');
        const { data, next_cursor } = await runs.list(target, page);
        return { data: data.filter((run) => isVisible(ctx.caller, [run.world])).map(runView), next_cursor };
      }),

    get: requires('event:read')
      .meta(
        rest({
          method: 'GET',
          path: '/runs/{id}',
          summary: 'Get a run, with its attempts and the definition that matched',
          tag: 'runs',
        }),
      )
      .input(z.strictObject({ id: runId }))
      .output(runDetailSchema)
      .query(async ({ input, ctx }) => {
        const detail = await runs.get(input.id);
        assertVisible(ctx.caller, [detail.run.world], 'run', input.id);
        return runDetailView(detail, services.workflowUrl(detail.run));
      }),

    replay: requires('event:write')
      .meta(
        rest({
          method: 'POST',
          path: '/runs/{id}/replay',
          status: 202,
          summary: 'Run a finished run again, under its next generation',
          tag: 'runs',
        }),
      )
      .input(z.strictObject({ id: runId }))
      .output(runSchema)
      .mutation(async ({ input, ctx }) =>
        runView(await runs.replay(input.id, await changing(input.id, 'replay', ctx))),
      ),

    cancel: requires('event:write')
      .meta(
        rest({
          method: 'POST',
          path: '/runs/{id}/cancel',
          summary: 'End a run that has not ended',
          description:
            'No attempt begins any more. What an attempt under way does is not undone; its record is dropped.',
          tag: 'runs',
        }),
      )
      .input(z.strictObject({ id: runId }))
      .output(runSchema)
      .mutation(async ({ input, ctx }) =>
        runView(await runs.cancel(input.id, await changing(input.id, 'cancel', ctx))),
      ),
  });
};
