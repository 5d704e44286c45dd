import { CrucibleError, isCrucibleError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';

/** A lease that was released is noticed within this time. ms */
const LONGEST_PAUSE_MS = 1_000;

/**
 * Opens what needs the lease of the log, and tries again while another process holds it: that of a writer that was
 * killed is over within 10 s, while one that lives goes on renewing it.
 * @throws CrucibleError `fenced` when another process is still the writer after `patienceMs`
 */
export const awaitLease = async <T>(
  open: () => Promise<T>,
  deps: {
    /** Infinity: as long as it takes. */
    readonly patienceMs: number;
    readonly sleep: (delayMs: number) => Promise<unknown>;
    readonly logger: Logger;
    /** Called once, when another process holds it. */
    readonly onHeld?: () => Promise<void>;
  },
): Promise<T> => {
  for (let waitedMs = 0; ;) {
    try {
      return await open();
    } catch (error) {
      if (!isCrucibleError(error, 'fenced') || error.retryAfterMs === undefined) throw error;
      if (waitedMs >= deps.patienceMs) throw stillHeld(waitedMs, error);
      if (waitedMs === 0) {
        deps.logger.warn(
          {
            leaseMs: error.retryAfterMs,
            ...(deps.patienceMs !== Infinity && { patienceMs: deps.patienceMs }),
          },
          'another process is the writer of the log; waiting for its lease to end',
        );
        await deps.onHeld?.();
      }
      const pauseMs = Math.min(Math.max(error.retryAfterMs, 1), LONGEST_PAUSE_MS);
      await deps.sleep(pauseMs);
      waitedMs += pauseMs;
    }
  }
};

const stillHeld = (waitedMs: number, cause: CrucibleError): CrucibleError =>
  new CrucibleError(
    'fenced',
    `Another process is the writer of the log, and still was after ${Math.round(waitedMs / 1_000)} s of waiting`,
    {
      hint: 'One server writes to a database at a time: stop the other one, or give this one another CRUCIBLE_SURREAL_DATABASE.',
      retryAfterMs: cause.retryAfterMs ?? 0,
      cause,
    },
  );
