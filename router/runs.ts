import { z } from 'zod';
import type { Services } from './services.ts';
import { runDetailSchema, runDetailView, runSchema, runView } from './run-views.ts';
import { idSchema } from './schemas.ts';
import { createTrpcRouter, requires, rest } from './trpc.ts';
import { assertVisible } from './visible.ts';

const runId = idSchema('run_01932f6e-7c1a-7d3e-8f00-1234567890ab', "The run's id.");

/** Runs of every kind: what a hook, webhook or flow did about an event. */
export const createRunsRouter = (services: Pick<Services, 'runs' | 'workflowUrl'>) =>
  createTrpcRouter({
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
        const detail = await services.runs.get(input.id);
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
      .mutation(async ({ input, ctx }) => {
        const { run } = await services.runs.get(input.id);
        assertVisible(ctx.caller, [run.world], 'run', input.id);
        const idempotency = ctx.idempotency(`POST /runs/${input.id}/replay`);
        return runView(
          await services.runs.replay(input.id, idempotency === undefined ? {} : { idempotency }),
        );
      }),
  });
