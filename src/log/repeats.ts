import type { CrucibleEvent } from '../events/envelope.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { fromRuns, isExpired, type IdempotencyRecord } from './idempotency.ts';
import type { Prior } from './prior.ts';
import type { Queued } from './queue.ts';

/**
 * Answers the requests whose idempotency key has been used before, and returns the others.
 * @throws whatever reading throws; requests that are not answered by then are untouched
 */
export const answerRepeats = async (
  group: readonly Queued[],
  prior: Prior,
  deps: {
    readonly nowMs: number;
    readonly readEvents: (positions: readonly number[]) => Promise<readonly CrucibleEvent[]>;
  },
): Promise<readonly Queued[]> => {
  const others: Queued[] = [];
  for (const queued of group) {
    const record = queued.key === undefined ? undefined : prior.keys.get(queued.key);
    if (record === undefined || isExpired(record, deps.nowMs)) others.push(queued);
    else if (record.hash !== queued.request.idempotency?.hash) queued.reject(keyReused());
    else await answer(queued, record, deps.readEvents);
  }
  return others;
};

const answer = async (
  queued: Queued,
  record: IdempotencyRecord,
  readEvents: (positions: readonly number[]) => Promise<readonly CrucibleEvent[]>,
): Promise<void> => {
  const events = await readEvents(fromRuns(record.positions));
  queued.resolve({
    events,
    duplicates: events.map(() => true),
    ...(record.answer === null ? {} : { answer: record.answer }),
  });
};

const keyReused = (): CrucibleError =>
  new CrucibleError('idempotency_key_reused', 'This idempotency key was used with another body', {
    hint: 'Use a new key for a new request; repeat a request with the very same body.',
  });
