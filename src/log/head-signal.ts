/** Lets readers wait until the log's head moves. */
export interface HeadSignal {
  /** Resolves true as soon as the head is past `position`; false when the signal aborts or the log closes first. */
  moved(position: number, signal: AbortSignal): Promise<boolean>;
  /** The head has moved. */
  notify(): void;
  close(): void;
}

export const createHeadSignal = (head: () => number): HeadSignal => {
  let waiting = new Set<() => void>();
  let closed = false;
  const wakeAll = (): void => {
    const woken = waiting;
    waiting = new Set();
    for (const wake of woken) wake();
  };
  return {
    async moved(position, signal) {
      while (head() <= position) {
        if (closed || signal.aborted) return false;
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            signal.removeEventListener('abort', wake);
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
          signal.addEventListener('abort', wake, { once: true });
        });
      }
      return true;
    },
    notify: wakeAll,
    close() {
      closed = true;
      wakeAll();
    },
  };
};
