import type { Logger } from '../kernel/logger.ts';

/** What was opened, to be closed in the opposite order. */
export interface Closers {
  add(close: () => unknown): void;
  /** One part that fails to close is logged, and does not keep the others open. */
  closeAll(): Promise<void>;
}

export const createClosers = (logger: Logger): Closers => {
  const opened: (() => unknown)[] = [];
  return {
    add: (close) => void opened.push(close),
    closeAll: async () => {
      for (const close of opened.splice(0).toReversed()) {
        try {
          await close();
        } catch (error) {
          logger.error({ err: error }, 'a part did not close');
        }
      }
    },
  };
};
