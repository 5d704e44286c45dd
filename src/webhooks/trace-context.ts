import { createHash } from 'node:crypto';
import { traceparentOf } from '../events/cloudevent.ts';
import type { CrucibleEvent } from '../events/envelope.ts';

/**
 * A `traceparent` (W3C Trace Context, version 00) for one attempt. Everything that is sent for one story has the same
 * trace id: that of its events where they have one, else a hash of the correlation id, which may be any text of a
 * caller's. The span id is of this attempt alone.
 */
export function attemptTraceparent(
  event: Pick<CrucibleEvent, 'id' | 'correlation_id'>,
  attemptKey: string,
): string {
  const traceId = traceparentOf(event)?.split('-')[1] ?? hashOf(event.correlation_id, 32);
  return `00-${traceId}-${hashOf(attemptKey, 16)}-01`;
}

/** W3C forbids an id of zeros alone, which a hash will not be before the sun is out. */
const hashOf = (text: string, digits: number): string =>
  createHash('sha256').update(text, 'utf8').digest('hex').slice(0, digits);
