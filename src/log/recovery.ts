import { setTimeout as sleep } from 'node:timers/promises';
import { isCrucibleError, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { CommitFailure, type Lease, type LogStore } from './store.ts';

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;

/**
 * Takes the next epoch from a store that went away, as soon as it is back. That refuses whatever commit of ours may
 * still be under way there, so that what the lease then tells is final.
 * @throws CrucibleError `fenced` when another writer holds the lease
 */
export const reacquire = async (
  store: LogStore,
  options: { readonly attemptTimeoutMs: number; readonly signal: AbortSignal; readonly logger: Logger },
): Promise<Lease> => {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await withDeadline(store.acquire(), options.attemptTimeoutMs);
    } catch (error) {
      if (isCrucibleError(error, 'fenced')) throw error;
      options.logger.warn(
        { cause: messageOf(error), waitMs },
        'The database of the log cannot be reached, trying again',
      );
    }
    await sleep(waitMs, undefined, { signal: options.signal });
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
