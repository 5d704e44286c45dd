import { CrucibleError } from '../../kernel/errors.ts';
import type { After } from './feed-session.ts';

/** Waits for what the process that writes has told of. */
export interface Waiting {
  /** Resolves as soon as `holds`. @throws CrucibleError `log_unavailable` when it does not within `timeoutMs` */
  until(holds: () => boolean, timeoutMs: number): Promise<void>;
  /** What is waited for may hold now. */
  moved(): void;
}

export const createWaiting = (after: After): Waiting => {
  const waiters = new Set<{ readonly holds: () => boolean; readonly resolve: () => void }>();

  return {
    async until(holds, timeoutMs) {
      if (holds()) return;
      const held = Promise.withResolvers<void>();
      const waiter = { holds, resolve: held.resolve };
      const cancel = after(timeoutMs, () => held.reject(late(timeoutMs)));
      waiters.add(waiter);
      try {
        await held.promise;
      } finally {
        cancel();
        waiters.delete(waiter);
      }
    },
    moved() {
      for (const { holds, resolve } of waiters) if (holds()) resolve();
    },
  };
};

const late = (timeoutMs: number): CrucibleError =>
  new CrucibleError(
    'log_unavailable',
    `The process that writes has not told within ${timeoutMs} ms of what was to be waited for`,
    {
      hint: 'What was sent may be written all the same: read again, or repeat it with the same idempotency key.',
      retryAfterMs: 1_000,
    },
  );
