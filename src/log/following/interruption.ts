/** Lets whoever waits go when there is nothing more to wait for. */
export interface Interruption {
  /** As `work`, unless it is interrupted first. Holds nothing once it has its answer. */
  unless<T>(work: Promise<T>): Promise<T>;
  /** All that wait fail with this. */
  interrupt(error: Error): void;
}

export const createInterruption = (): Interruption => {
  const waiting = new Set<(error: Error) => void>();
  return {
    async unless(work) {
      const interrupted = Promise.withResolvers<never>();
      waiting.add(interrupted.reject);
      try {
        return await Promise.race([work, interrupted.promise]);
      } finally {
        waiting.delete(interrupted.reject);
      }
    },
    interrupt(error) {
      for (const reject of waiting) reject(error);
    },
  };
};
