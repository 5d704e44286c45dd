import { z } from 'zod';
import { defineEventType } from '../event-type.ts';
import { count, durationMs, failure, id, json, jsonObject, text } from './fields.ts';

const flow_id = id('This execution of the flow.');
const name = text('The flow.');

const trigger = z
  .strictObject({
    kind: z.enum(['manual', 'event', 'schedule', 'hook']).describe('What started it.'),
    event_id: id('The event, for `event`.').optional(),
    event_type: text('Its type, for `event`.').optional(),
    schedule: text('The cron expression, for `schedule`.').optional(),
    hook: text('The hook, for `hook`.').optional(),
    run_id: id("The hook's run, for `hook`.").optional(),
  })
  .describe('Why the flow runs.');

const started = defineEventType({
  type: 'flow.started',
  version: '1.0.0',
  description: 'A flow began.',
  schema: z.strictObject({
    flow_id,
    name,
    trigger,
    inputs: jsonObject('What it was given.').optional(),
    steps_total: count('How many steps it has.').optional(),
    definition: text('The content hash of the definition that it keeps.').optional(),
  }),
  example: {
    flow_id: 'flw_01932f90',
    name: 'research_pipeline',
    trigger: {
      kind: 'event',
      event_id: 'evt_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
      event_type: 'memory.tagged',
    },
    inputs: { question_id: 'msg_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10' },
    steps_total: 5,
  },
});

const stepCompleted = defineEventType({
  type: 'flow.step_completed',
  version: '1.0.0',
  description: 'A step of a flow ended, well or not.',
  schema: z.strictObject({
    flow_id,
    name,
    step: text('The id of the step.'),
    state: z.enum(['completed', 'failed', 'skipped']),
    attempts: count('How many attempts it took.').optional(),
    duration_ms: durationMs,
    output: json('What came out.').optional(),
    error: failure.optional(),
  }),
  example: {
    flow_id: 'flw_01932f90',
    name: 'research_pipeline',
    step: 'search',
    state: 'completed',
    attempts: 1,
    duration_ms: 911,
  },
});

const completed = defineEventType({
  type: 'flow.completed',
  version: '1.0.0',
  description: 'A flow ended well.',
  schema: z.strictObject({
    flow_id,
    name,
    outputs: jsonObject('What came out.').optional(),
    steps_completed: count('How many steps ran.').optional(),
    duration_ms: durationMs,
  }),
  example: {
    flow_id: 'flw_01932f90',
    name: 'research_pipeline',
    outputs: { memory_id: 'msg_01932f81-5b0a-7e0f-8c11-2f9f3c7a6b31' },
    steps_completed: 5,
    duration_ms: 5120,
  },
});

const failed = defineEventType({
  type: 'flow.failed',
  version: '1.0.0',
  description: 'A flow ended with an error.',
  schema: z.strictObject({
    flow_id,
    name,
    step: text('The step that failed.').optional(),
    error: failure,
    duration_ms: durationMs,
  }),
  example: {
    flow_id: 'flw_01932f90',
    name: 'research_pipeline',
    step: 'search',
    error: { code: 'timeout', message: 'The agent web-search did not answer within 60000 ms' },
    duration_ms: 60210,
  },
});

const cancelled = defineEventType({
  type: 'flow.cancelled',
  version: '1.0.0',
  description: 'A flow was stopped before its end.',
  schema: z.strictObject({
    flow_id,
    name,
    reason: text('Why.').optional(),
    steps_completed: count('How many steps had run.').optional(),
    duration_ms: durationMs.optional(),
  }),
  example: { flow_id: 'flw_01932f90', name: 'research_pipeline', reason: 'cancelled by user:alice' },
});

export const flowEvents = [started, stepCompleted, completed, failed, cancelled] as const;
