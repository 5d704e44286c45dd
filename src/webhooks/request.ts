import type { JsonObject } from '../kernel/json.ts';
import { toCloudEvent } from '../events/cloudevent.ts';
import type { CrucibleEvent } from '../events/envelope.ts';
import type { Run } from '../dispatch/run.ts';
import type { OpenedSecrets } from './opened.ts';
import type { WebhookRow } from './row.ts';
import { basicCredentials, signCrucible, signStandard } from './sign.ts';
import { attemptTraceparent } from './trace-context.ts';
import type { WebhookAuth } from './webhook.ts';

/** A delivery's request, ready to send. */
export interface DeliveryRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What was signed, and what must be sent, byte for byte. */
  readonly body: string;
  /** What is secret of it. */
  readonly opened: OpenedSecrets;
}

export interface RequestParts {
  readonly row: WebhookRow;
  readonly opened: OpenedSecrets;
  readonly event: CrucibleEvent;
  readonly run: Pick<Run, 'id' | 'generation'>;
  readonly name: string;
  readonly format: 'crucible' | 'cloudevents';
  readonly attempt: number;
  readonly nowMs: number;
  /** Of Crucible. */
  readonly version: string;
}

/**
 * The `webhook-id` of a run's delivery: the same for every attempt, replay and generation, so that a receiver can
 * recognise what it already has.
 */
export const messageIdOf = (runId: string): string => `msg_${runId.replace(/^run_/, '')}`;

/** Builds and signs the request of one attempt. Pure. */
export function buildRequest(parts: RequestParts): DeliveryRequest {
  const { row, opened, event, run, attempt, nowMs } = parts;
  const { secrets } = opened;
  const body = JSON.stringify(bodyOf(parts));
  const id = messageIdOf(run.id);
  const timestamp = Math.floor(nowMs / 1000);
  const keys = opened.signing.filter(({ until }) => until === null || nowMs < until).map(({ key }) => key);
  const custom = { ...row.options.headers, ...secrets.headers };
  const auth = authHeaders(secrets.auth, body);

  // Ours come last: whatever a stored row may say, it cannot replace them.
  const headers = lowerCased([
    custom,
    auth,
    {
      'content-type':
        parts.format === 'cloudevents' ? 'application/cloudevents+json; charset=utf-8' : 'application/json',
      'user-agent': `Crucible/${parts.version}`,
      'x-crucible-event-id': event.id,
      'x-crucible-event-type': event.type,
      'x-crucible-delivery': run.id,
      'x-crucible-attempt': String(attempt),
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signStandard({ id, timestamp, body, keys }),
      traceparent: attemptTraceparent(event, `${run.id}.${run.generation}.${attempt}`),
      'x-correlation-id': headerSafe(event.correlation_id),
    },
  ]);

  return { url: row.url, headers, body, opened };
}

function bodyOf({ format, event, row, name }: RequestParts): JsonObject {
  if (format === 'cloudevents') return toCloudEvent(event) as unknown as JsonObject;
  return {
    type: event.type,
    timestamp: event.timestamp,
    data: event as unknown as JsonObject,
    webhook: { id: row.id, name },
  };
}

function authHeaders(auth: WebhookAuth | null, body: string): Record<string, string> {
  switch (auth?.type) {
    case undefined:
      return {};
    case 'bearer':
      return { authorization: `Bearer ${auth.token}` };
    case 'basic':
      return { authorization: `Basic ${basicCredentials(auth.username, auth.password)}` };
    case 'header':
      return { [auth.name]: auth.value };
    case 'hmac':
      return { 'x-crucible-signature': signCrucible(body, auth.secret) };
  }
}

const lowerCased = (parts: readonly Readonly<Record<string, string>>[]): Record<string, string> =>
  Object.fromEntries(
    parts.flatMap((part) =>
      Object.entries(part).map(([name, value]) => [name.toLowerCase(), value] as const),
    ),
  );

/** A correlation id that came from outside may hold what a header cannot. */
const headerSafe = (value: string): string =>
  /^[\x21-\x7e]+$/.test(value) ? value : encodeURIComponent(value);
