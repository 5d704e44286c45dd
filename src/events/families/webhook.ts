import { z } from 'zod';
import { defineEventType } from '../event-type.ts';
import { count, durationMs, failure, id, text } from './fields.ts';

const webhook = {
  webhook_id: id('The webhook.'),
  name: text('Its name.'),
  url: text('Where it delivers to.'),
  reason: text('Why.').optional(),
};
const webhookExample = {
  webhook_id: 'whk_01932f6e-9c3e-7d4f-8b66-1e7d3b2a5f21',
  name: 'ci',
  url: 'https://ci.example.org/hooks/crucible',
};

const created = defineEventType({
  type: 'webhook.created',
  version: '1.0.0',
  description: 'A webhook was made.',
  schema: z.strictObject(webhook),
  example: webhookExample,
});

const updated = defineEventType({
  type: 'webhook.updated',
  version: '1.0.0',
  description: 'A webhook was changed.',
  schema: z.strictObject({
    ...webhook,
    changed: z.array(z.string()).optional().describe('Which of its fields. Their values are not told.'),
  }),
  example: { ...webhookExample, changed: ['filters'] },
});

const deleted = defineEventType({
  type: 'webhook.deleted',
  version: '1.0.0',
  description: 'A webhook was removed.',
  schema: z.strictObject(webhook),
  example: webhookExample,
});

const disabled = defineEventType({
  type: 'webhook.disabled',
  version: '1.0.0',
  description: 'A webhook gets nothing any more until somebody enables it.',
  schema: z.strictObject(webhook),
  example: { ...webhookExample, reason: 'the receiver answered 410 Gone' },
});

const delivery = {
  webhook_id: id('The webhook.'),
  run_id: id('The run; also the `X-Crucible-Delivery` header.'),
  event_id: id('The event that was to be delivered.'),
  event_type: text('Its type.'),
  attempt: count('The attempt that this is about, from 1 up; 0: it never came to one.'),
  attempts: count('How many attempts were made in all.').optional(),
  status: z
    .int()
    .nullable()
    .optional()
    .describe('The HTTP status of the answer; null or absent: there was none.'),
  duration_ms: durationMs,
  state: text('The state of the run now.'),
};
const deliveryExample = {
  webhook_id: 'whk_01932f6e-9c3e-7d4f-8b66-1e7d3b2a5f21',
  run_id: 'run_01932f6e-8b2d-7c3e-9b55-0d6c2a1f4e11',
  event_id: 'evt_01932f6e-7a1c-7c3e-9b55-0d6c2a1f4e10',
  event_type: 'memory.created',
};

const delivered = defineEventType({
  type: 'webhook.delivered',
  version: '1.0.0',
  description: 'The receiver took a delivery.',
  schema: z.strictObject(delivery),
  example: { ...deliveryExample, attempt: 1, status: 204, duration_ms: 31, state: 'succeeded' },
});

const deliveryFailed = defineEventType({
  type: 'webhook.delivery_failed',
  version: '1.0.0',
  description: 'A delivery failed for good, used up its attempts, or was not made.',
  schema: z.strictObject({
    ...delivery,
    error: failure.optional(),
    reason: text('The reason kept on the run.').optional(),
  }),
  example: {
    ...deliveryExample,
    attempt: 10,
    status: 503,
    duration_ms: 88,
    state: 'dead',
    error: { code: 'http_503', message: 'The receiver answered 503' },
  },
});

export const webhookEvents = [created, updated, deleted, disabled, delivered, deliveryFailed] as const;
