import type { Idempotency } from '../log/log.ts';

/** Does the work of requests with the same idempotency key one after another, and all else at once. */
export type KeyTurns = <T>(idempotency: Idempotency | undefined, work: () => Promise<T>) => Promise<T>;

/** So that of two equal requests at once the second one finds the answer of the first. */
export const createKeyTurns = (): KeyTurns => {
  const last = new Map<string, Promise<unknown>>();
  return (idempotency, work) => {
    if (idempotency === undefined) return work();
    const key = JSON.stringify([idempotency.scope, idempotency.key]);
    const turn = (last.get(key) ?? Promise.resolve()).then(work);
    const end = (): void => {
      if (last.get(key) === ended) last.delete(key);
    };
    const ended: Promise<void> = turn.then(end, end);
    last.set(key, ended);
    return turn;
  };
};
