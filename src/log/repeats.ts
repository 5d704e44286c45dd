import type { CrucibleEvent } from '../events/envelope.ts';
import { CrucibleError } from '../kernel/errors.ts';
import { fromRuns, isExpired, type IdempotencyRecord } from './idempotency.ts';
import type { AppendResult, Idempotency } from './log.ts';
import type { Prior } from './prior.ts';
import type { Queued } from './queue.ts';

type ReadEvents = (positions: readonly number[]) => Promise<readonly CrucibleEvent[]>;

/**
 * Answers the requests whose idempotency key has been used before, and returns the others.
 * @throws whatever reading throws; requests that are not answered by then are untouched
 */
export const answerRepeats = async (
  group: readonly Queued[],
  prior: Prior,
  deps: { readonly nowMs: number; readonly readEvents: ReadEvents },
): Promise<readonly Queued[]> => {
  const others: Queued[] = [];
  for (const queued of group) {
    const record = queued.key === undefined ? undefined : prior.keys.get(queued.key);
    if (record === undefined || isExpired(record, deps.nowMs)) others.push(queued);
    else if (record.hash !== queued.request.idempotency?.hash) queued.reject(keyReused());
    else queued.resolve(await firstAnswer(record, deps.readEvents));
  }
  return others;
};

/**
 * What the request of this record was answered, if it is still remembered.
 * @throws CrucibleError `idempotency_key_reused` where the body was another one
 */
export const answerOf = async (
  record: IdempotencyRecord,
  { hash }: Idempotency,
  deps: { readonly nowMs: number; readonly readEvents: ReadEvents },
): Promise<AppendResult | undefined> => {
  if (isExpired(record, deps.nowMs)) return undefined;
  if (record.hash !== hash) throw keyReused();
  return firstAnswer(record, deps.readEvents);
};

const firstAnswer = async (record: IdempotencyRecord, readEvents: ReadEvents): Promise<AppendResult> => {
  const events = await readEvents(fromRuns(record.positions));
  return {
    events,
    duplicates: events.map(() => true),
    repeated: true,
    ...(record.answer === null ? {} : { answer: record.answer }),
  };
};

const keyReused = (): CrucibleError =>
  new CrucibleError('idempotency_key_reused', 'This idempotency key was used with another body', {
    hint: 'Use a new key for a new request; repeat a request with the very same body.',
  });
