import type { AttemptContext } from '../../src/dispatch/outcome.ts';
import { attemptTraceparent } from '../../src/webhooks/trace-context.ts';

/** A correlation id that came from outside may hold what a header cannot. */
const headerSafe = (value: string): string =>
  /^[\x21-\x7e]+$/.test(value) ? value : encodeURIComponent(value);

/** What ties a request that a run makes to the run's event: whoever calls back with these goes on in the same story. */
export const storyHeaders = ({ run, event, attempt }: AttemptContext): Record<string, string> => ({
  'x-crucible-causation-id': event.id,
  'x-correlation-id': headerSafe(event.correlation_id),
  traceparent: attemptTraceparent(event, `${run.id}.${run.generation}.${attempt}`),
});
