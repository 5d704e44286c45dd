import { silentLogger } from '../../kernel/logger.ts';
import { createAttempts } from '../attempts.ts';
import { buildEvent } from '../build-event.ts';

type AttemptsDeps = Parameters<typeof createAttempts>[0];

/** What executes attempts, without chance; and without time between the tries to record one, if not given. */
export const openAttempts = (
  deps: Pick<AttemptsDeps, 'log' | 'policies' | 'clock' | 'live'> & Partial<Pick<AttemptsDeps, 'sleep'>>,
): ReturnType<typeof createAttempts> =>
  createAttempts({
    buildEvent,
    random: () => 0.5,
    logger: silentLogger,
    sleep: () => Promise.resolve(),
    ...deps,
  });
