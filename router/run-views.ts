import { z } from 'zod';
import type { RunDetail } from '../src/dispatch/run-service.ts';
import type { Attempt, Run } from '../src/dispatch/run.ts';
import { jsonObjectSchema, nextCursorSchema, runStateSchema, timeSchema } from './schemas.ts';
import { isoTime, isoTimeOrNull } from './time.ts';

const runFields = {
  id: z.string().meta({ example: 'run_01932f6e-7c1a-7d3e-8f00-1234567890ab' }),
  kind: z.enum(['hook', 'webhook', 'flow', 'agent']),
  target: z.string().meta({ example: 'hook:notify-important' }),
  definition_hash: z.string().meta({ description: 'Content hash of the definition that matched.' }),
  event_id: z.string(),
  event_type: z.string(),
  event_position: z.int(),
  world: z.string(),
  correlation_id: z.string(),
  depth: z.int(),
  key: z.string().nullable(),
  generation: z.int().meta({ description: '0; each replay counts one up.' }),
  state: runStateSchema,
  reason: z.string().nullable().meta({ description: 'Why it stands there, as a stable word.' }),
  error: z.string().nullable().meta({ description: 'What went wrong, in words.' }),
  workflow_id: z.string().nullable().meta({ description: "The Temporal workflow's id." }),
  temporal_run_id: z.string().nullable(),
  due_at: timeSchema.nullable().meta({ description: 'When the next attempt is due.' }),
  attempt_count: z.int().meta({ description: 'How many attempts of this generation are recorded.' }),
  created_at: timeSchema,
  started_at: timeSchema.nullable(),
  finished_at: timeSchema.nullable(),
};

export const runSchema = z
  .object(runFields)
  .meta({ id: 'Run', description: 'One reaction of one target to one event.' });

export const attemptSchema = z
  .object({
    number: z.int().meta({ description: 'From 1 up.' }),
    generation: z.int(),
    started_at: timeSchema,
    duration_ms: z.number(),
    outcome: z.enum(['succeeded', 'denied', 'failed', 'skipped']),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    detail: jsonObjectSchema.meta({
      description: 'Status, headers, body and timings of a delivery; output and log of a script.',
    }),
  })
  .meta({ id: 'Attempt' });

export const runDetailSchema = z
  .object({
    ...runFields,
    temporal_url: z.string().nullable().meta({
      description:
        'Where the Temporal UI shows the workflow; null where no UI is known, or nothing was started.',
    }),
    attempts: z.array(attemptSchema),
    definition: jsonObjectSchema.meta({ description: 'The definition as it was when the event matched.' }),
  })
  .meta({ id: 'RunDetail' });

export const runPageSchema = z.object({ data: z.array(runSchema), next_cursor: nextCursorSchema });

export const runView = (run: Run): z.input<typeof runSchema> => ({
  id: run.id,
  kind: run.kind,
  target: run.target,
  definition_hash: run.definition,
  event_id: run.event_id,
  event_type: run.event_type,
  event_position: run.event_position,
  world: run.world,
  correlation_id: run.correlation_id,
  depth: run.depth,
  key: run.key,
  generation: run.generation,
  state: run.state,
  reason: run.reason,
  error: run.error,
  workflow_id: run.workflow_id,
  temporal_run_id: run.temporal_run_id,
  due_at: isoTimeOrNull(run.due_at),
  attempt_count: run.attempts,
  created_at: isoTime(run.created_at),
  started_at: isoTimeOrNull(run.started_at),
  finished_at: isoTimeOrNull(run.finished_at),
});

const attemptView = (attempt: Attempt): z.input<typeof attemptSchema> => ({
  number: attempt.number,
  generation: attempt.generation,
  started_at: isoTime(attempt.started_at),
  duration_ms: attempt.duration_ms,
  outcome: attempt.outcome,
  error: attempt.error,
  detail: attempt.detail,
});

export const runDetailView = (
  detail: RunDetail,
  workflowUrl: string | undefined,
): z.input<typeof runDetailSchema> => ({
  ...runView(detail.run),
  temporal_url: workflowUrl ?? null,
  attempts: detail.attempts.map(attemptView),
  definition: detail.definition,
});
