import { z } from 'zod';
import { defineEventType } from '../event-type.ts';
import { count, durationMs, failure, id, json, text } from './fields.ts';

const hook = text('The name of the hook.').min(1);

const definition = {
  hook,
  hash: text('The content hash of its definition.'),
  version: text('The version that its author gave it.'),
  file: text('Its file; null: made through the API.').nullable().optional(),
};
const definitionExample = {
  hook: 'notify-important',
  hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  version: '1.0.0',
  file: 'notify-important.md',
};

const registered = defineEventType({
  type: 'hook.registered',
  version: '1.0.0',
  description: 'A hook is in force from here on, new or in another version.',
  schema: z.strictObject({ ...definition, enabled: z.boolean().optional().describe('Whether it acts.') }),
  example: definitionExample,
});

const unregistered = defineEventType({
  type: 'hook.unregistered',
  version: '1.0.0',
  description: 'A hook is no longer in force.',
  schema: z.strictObject({ ...definition, reason: text('Why: `removed`, `file_deleted`.').optional() }),
  example: definitionExample,
});

/** What every event about a run of a hook tells. */
const run = {
  hook,
  run_id: id('The run.'),
  event_id: id('The event that it reacts to.'),
  event_type: text('Its type.'),
};
const runExample = {
  hook: 'notify-important',
  run_id: 'run_01932f6e-8b2d-7c3e-9b55-0d6c2a1f4e11',
  event_id: 'evt_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  event_type: 'memory.tagged',
};

const triggered = defineEventType({
  type: 'hook.triggered',
  version: '1.0.0',
  description: 'An event matched a hook whose `options.trace` is on.',
  schema: z.strictObject({
    ...run,
    workflow_id: id('The workflow that carries the run.').nullable().optional(),
  }),
  example: runExample,
});

const ended = {
  ...run,
  attempt: count('The attempt that this is about, from 1 up; 0: it never came to one.'),
  attempts: count('How many attempts were made in all.'),
  duration_ms: durationMs,
  state: text('The state of the run now.'),
};
const endedExample = { ...runExample, attempt: 1, attempts: 1, duration_ms: 143 };

const executed = defineEventType({
  type: 'hook.executed',
  version: '1.0.0',
  description: 'A run of a hook ended well, or a pre hook said no.',
  schema: z.strictObject({
    ...ended,
    output: json('What the action answered.').optional(),
    reason: text('For a denial.').optional(),
  }),
  example: { ...endedExample, state: 'succeeded', output: { sent: true } },
});

const failed = defineEventType({
  type: 'hook.failed',
  version: '1.0.0',
  description: 'A run of a hook failed for good, or used up its attempts.',
  schema: z.strictObject({
    ...ended,
    error: failure,
    reason: text('The reason kept on the run.').optional(),
  }),
  example: {
    ...endedExample,
    attempt: 3,
    attempts: 3,
    state: 'dead',
    error: { code: 'http_503', message: 'The receiver answered 503' },
  },
});

const skipped = defineEventType({
  type: 'hook.skipped',
  version: '1.0.0',
  description: 'A matched run was not carried out.',
  schema: z.strictObject({
    ...ended,
    reason: text('Why: `disabled`, `condition`, `coalesced`, `rate_limited`, `loop`, `egress_denied`.'),
  }),
  example: {
    ...endedExample,
    attempt: 0,
    attempts: 0,
    duration_ms: 0,
    state: 'skipped',
    reason: 'condition',
  },
});

export const hookEvents = [registered, triggered, executed, failed, unregistered, skipped] as const;
