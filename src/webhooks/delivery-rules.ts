import { z } from 'zod';
import { CrucibleError } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import { DEFAULT_RETRY_ON } from './response-rules.ts';
import type { WebhookRetry } from './webhook.ts';

/** What a delivery needs of the definition that its run matched. */
export interface DeliveryRules {
  readonly id: string;
  readonly name: string;
  readonly format: 'crucible' | 'cloudevents';
  readonly retry: WebhookRetry;
  readonly retryOn: readonly string[];
  /** For the request, ms. */
  readonly timeoutMs: number;
  readonly maxInFlight: number;
}

/** Only what is read: a definition that a later version wrote may hold more. */
const schema = z.object({
  id: z.string(),
  name: z.string(),
  options: z.object({
    format: z.enum(['crucible', 'cloudevents']),
    retry: z.record(z.string(), z.unknown()),
    timeout_ms: z.number().positive(),
    max_in_flight: z.number().int().positive(),
  }),
});

/** Definitions are content-addressed and never change, so each object is read once. */
const known = new WeakMap<JsonObject, DeliveryRules>();

/** @throws CrucibleError `internal` for what is no definition of a webhook */
export function readDefinition(definition: JsonObject): DeliveryRules {
  const before = known.get(definition);
  if (before !== undefined) return before;
  const result = schema.safeParse(definition);
  if (!result.success) {
    throw new CrucibleError('internal', 'A stored definition is not one of a webhook.', {
      cause: result.error,
    });
  }
  const { id, name, options } = result.data;
  const retry: WebhookRetry = options.retry;
  const rules: DeliveryRules = {
    id,
    name,
    format: options.format,
    retry,
    retryOn: retry.on ?? DEFAULT_RETRY_ON,
    timeoutMs: options.timeout_ms,
    maxInFlight: options.max_in_flight,
  };
  known.set(definition, rules);
  return rules;
}
