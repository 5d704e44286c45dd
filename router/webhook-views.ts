import { z } from 'zod';
import type { WebhookView } from '../src/webhooks/webhook.ts';
import { jsonValueSchema, nextCursorSchema, timeSchema } from './schemas.ts';
import { isoTime } from './time.ts';

const DAY_MS = 86_400_000;

/**
 * A whole number whose bounds stand in the document and are not judged here: the service does that, together with
 * everything else that is wrong. A test compares the two.
 */
const whole = (minimum: number, maximum: number) => z.int().meta({ minimum, maximum });

const retrySchema = z
  .strictObject({
    preset: z
      .enum(['default', 'quick'])
      .meta({
        description: 'quick: 2, 4, 8, 16 s with 5 attempts; default: ten attempts over three days.',
      })
      .exactOptional(),
    backoff: z.enum(['fixed', 'linear', 'exponential']).exactOptional(),
    max_attempts: whole(1, 50).exactOptional(),
    initial_ms: whole(1, DAY_MS).exactOptional(),
    max_ms: whole(1, DAY_MS).exactOptional(),
    on: z
      .array(z.string())
      .readonly()

      .meta({ description: 'Which failures are tried again, besides connection errors.', example: ['5xx'] })
      .exactOptional(),
  })
  .meta({ description: 'When a delivery that failed is tried again.' });

export const webhookOptionsShape = {
  retry: retrySchema,
  timeout_ms: whole(100, 60_000).meta({ description: 'For the whole exchange.', example: 15_000 }),
  headers: z.record(z.string(), z.string()).meta({ description: 'Sent with every delivery.' }),
  format: z.enum(['crucible', 'cloudevents']),
  max_in_flight: whole(1, 256).meta({
    description: 'How many deliveries may be under way at once.',
    example: 8,
  }),
};

const viewFilterSchema = z.object({
  event_type: z.string(),
  filter: z.record(z.string(), jsonValueSchema).exactOptional(),
  envelope: z.record(z.string(), jsonValueSchema).exactOptional(),
  when: z.string().exactOptional(),
});

const webhookFields = {
  id: z.string().meta({ example: 'whk_01932f6e-7c1a-7d3e-8f00-1234567890ab' }),
  name: z.string(),
  url: z.string(),
  enabled: z.boolean(),
  disabled_reason: z.string().nullable().meta({ description: 'Why we disabled it; null: we did not.' }),
  paused: z.boolean(),
  filters: z.array(viewFilterSchema),
  worlds: z.array(z.string()),
  auth: z
    .object({ type: z.enum(['bearer', 'hmac', 'basic', 'header']), hint: z.string() })
    .nullable()
    .meta({ description: 'Its type and a hint; never the value.' }),
  secret_hint: z.string().meta({ description: 'The last characters of the signing secret.' }),
  options: z.object({ ...webhookOptionsShape, retry: z.object(retrySchema.shape) }),
  status: z.enum(['active', 'paused', 'failing', 'disabled']),
  created_at: timeSchema,
  updated_at: timeSchema,
};

export const webhookSchema = z.object(webhookFields).meta({ id: 'Webhook' });

export const createdWebhookSchema = z
  .object({
    ...webhookFields,
    secret: z.string().nullable().meta({
      description: 'The signing secret, shown this once; null for a repeat under the same Idempotency-Key.',
      example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    }),
  })
  .meta({ id: 'CreatedWebhook' });

export const webhookPageSchema = z.object({ data: z.array(webhookSchema), next_cursor: nextCursorSchema });

/** Only what is named here leaves the house. */
export const webhookView = (webhook: WebhookView): z.input<typeof webhookSchema> => ({
  id: webhook.id,
  name: webhook.name,
  url: webhook.url,
  enabled: webhook.enabled,
  disabled_reason: webhook.disabled_reason ?? null,
  paused: webhook.paused,
  filters: webhook.filters.map((filter) => ({ ...filter })),
  worlds: [...webhook.worlds],
  auth: webhook.auth,
  secret_hint: webhook.secret_hint,
  options: webhook.options,
  status: webhook.status,
  created_at: isoTime(webhook.created_at),
  updated_at: isoTime(webhook.updated_at),
});
