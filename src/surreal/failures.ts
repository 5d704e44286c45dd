import { CommitFailure } from '../log/store.ts';
import { messageOf } from '../kernel/errors.ts';

/** What our own statements throw inside a transaction. */
export const FENCED = 'crucible:fenced';
export const HELD = 'crucible:held:';
export const WRITTEN = 'crucible:written';

/** A transaction that lost against another one: nothing was written, and it may be tried again. */
export const isConflict = (message: string): boolean =>
  message.includes('can be retried') ||
  message.includes('Transaction retry required') ||
  message.includes('ransaction conflict');

/** Failures of the storage below the database: what it wrote before them is not known. */
const STORAGE = /IO error|No space left|datastore|corrupt|problem with a transaction|key-value store/i;

export interface Answer {
  readonly success: boolean;
  readonly error?: Error;
}

/**
 * Why a transaction failed, from the answers of all its statements; undefined if it did not. One failed statement cancels
 * the transaction, so nothing is written; when only the COMMIT failed, or the storage below, the outcome is unknown.
 */
export const transactionFailure = (answers: readonly Answer[]): CommitFailure | undefined => {
  const errors = answers.flatMap((answer, i) =>
    answer.error === undefined ? [] : [{ error: answer.error, i }],
  );
  if (errors.length === 0) return undefined;
  const cause =
    errors.find(({ error }) => !/not executed due to a (failed|cancelled) transaction/.test(error.message)) ??
    errors[0];
  if (cause === undefined) return undefined;
  const { message } = cause.error;
  if (message.includes(FENCED)) return new CommitFailure('fenced', 'Another epoch has begun', cause.error);
  const atCommit = cause.i === answers.length - 1;
  if (isConflict(message)) return new CommitFailure('refused', message, cause.error);
  const kind = atCommit || STORAGE.test(message) ? 'unknown' : 'refused';
  return new CommitFailure(kind, message, cause.error);
};

/** What was thrown instead of an answer: the connection or the engine failed, so nothing is known. */
export const withoutAnswer = (error: unknown): CommitFailure =>
  error instanceof CommitFailure ? error : new CommitFailure('unknown', messageOf(error), error);
