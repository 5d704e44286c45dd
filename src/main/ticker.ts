import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';

export interface Ticker {
  /** Waits for the tick under way; no other follows. */
  stop(): Promise<void>;
}

/** Calls `work` every `everyMs`, never twice at a time. A tick that fails is logged, and the next one tries again. */
export const startTicker = (
  name: string,
  everyMs: number,
  work: () => Promise<unknown>,
  logger: Logger,
): Ticker => {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();

  const tick = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      logger.error({ err: messageOf(error) }, `${name} failed`);
    }
    schedule();
  };
  const schedule = (): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      running = tick();
    }, everyMs);
  };

  schedule();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
};
