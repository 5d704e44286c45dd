/**
 * A bounded queue between one producer that must not wait and one reader.
 *
 * States: open (push and read) → ended (what waits is read, then it is done) or failed (what waits is read, then the
 * error is thrown).
 */
export interface Queue<T> {
  /** False: it is full or over, and the value was not taken. */
  push(value: T): boolean;
  end(): void;
  fail(error: Error): void;
  /** `onReturn` is called when the reader leaves early. */
  read(onReturn: () => void): AsyncIterable<T>;
}

export const createQueue = <T>(capacity: number): Queue<T> => {
  let values: T[] = [];
  let next = 0;
  let over: { readonly error?: Error } | undefined;
  let wake: (() => void) | undefined;

  const size = (): number => values.length - next;

  const take = (): T => {
    const value = values[next] as T;
    next += 1;
    // Moves what is left to the front now and then, so that taking stays cheap.
    if (next > 1_024 && next * 2 > values.length) {
      values = values.slice(next);
      next = 0;
    }
    return value;
  };

  const finish = (state: { readonly error?: Error }): void => {
    over ??= state;
    wake?.();
  };

  async function* read(onReturn: () => void): AsyncGenerator<T> {
    try {
      for (;;) {
        while (size() > 0) yield take();
        if (over?.error !== undefined) throw over.error;
        if (over !== undefined) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    } finally {
      onReturn();
    }
  }

  return {
    push: (value) => {
      if (over !== undefined || size() >= capacity) return false;
      values.push(value);
      wake?.();
      return true;
    },
    end: () => finish({}),
    fail: (error) => finish({ error }),
    read,
  };
};
