/**
 * A read for many who ask at once: whoever asks while one is under way gets the next one, together with all who ask until
 * that begins. So each answer is of a read that began after it was asked for.
 */
export const shareNext = <T>(read: () => Promise<T>): (() => Promise<T>) => {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  const start = (): Promise<T> => {
    next = undefined;
    const answer = read();
    const ended = Promise.allSettled([answer]);
    running = ended;
    void leave(ended);
    return answer;
  };
  const leave = async (ended: Promise<unknown>): Promise<void> => {
    await ended;
    if (running === ended) running = undefined;
  };

  return () => {
    if (next !== undefined) return next;
    if (running === undefined) return start();
    next = running.then(start);
    return next;
  };
};
