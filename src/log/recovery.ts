import { setTimeout as sleep } from 'node:timers/promises';
import { isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { CommitFailure, type Lease, type LogStore } from './store.ts';

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;

/**
 * Takes the next epoch from a store that went away, as soon as it is back. That refuses whatever commit of ours may
 * still be under way there, so that what the lease then tells is final.
 * @throws CrucibleError `fenced` when another writer holds the lease; the signal's reason
 */
export const reacquire = async (
  store: LogStore,
  options: { readonly attemptTimeoutMs: number; readonly signal: AbortSignal; readonly logger: Logger },
): Promise<Lease> => {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await unlessAborted(withDeadline(store.acquire(), options.attemptTimeoutMs), options.signal);
    } catch (error) {
      if (isCrucibleError(error, 'fenced') || options.signal.aborted) throw error;
      options.logger.warn(
        { cause: messageOf(error), waitMs },
        'The database of the log cannot be reached, trying again',
      );
    }
    await sleep(waitMs, undefined, { signal: options.signal });
  }
};

const unlessAborted = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

/** The work's result, or a `CommitFailure` of `unknown` outcome when it takes longer. */
export const withDeadline = async <T>(work: Promise<T>, timeoutMs: number): Promise<T> => {
  const timer = Promise.withResolvers<never>();
  const timeout = setTimeout(() => {
    timer.reject(new CommitFailure('unknown', `The database did not answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await Promise.race([work, timer.promise]);
  } finally {
    clearTimeout(timeout);
  }
};
