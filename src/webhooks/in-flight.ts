/** Bounds how many requests are on their way to each endpoint, so that one that hangs holds only its own places. */
export interface InFlight {
  /**
   * Waits for a place, first come first served. @returns gives the place back
   * @throws the signal's reason when it aborts before there is one
   */
  enter(endpointId: string, max: number, signal: AbortSignal): Promise<() => void>;
}

interface Gate {
  open: number;
  readonly waiting: Set<() => void>;
}

export function createInFlight(): InFlight {
  const gates = new Map<string, Gate>();

  const leave = (endpointId: string, gate: Gate): void => {
    const [next] = gate.waiting;
    if (next !== undefined) {
      // The place passes on without becoming free: nobody can overtake.
      gate.waiting.delete(next);
      next();
      return;
    }
    gate.open -= 1;
    if (gate.open === 0) gates.delete(endpointId);
  };

  return {
    async enter(endpointId, max, signal) {
      signal.throwIfAborted();
      const gate = gates.get(endpointId) ?? { open: 0, waiting: new Set() };
      gates.set(endpointId, gate);
      if (gate.open < max) gate.open += 1;
      else await turn(gate, signal);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        leave(endpointId, gate);
      };
    },
  };
}

const turn = (gate: Gate, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const go = (): void => {
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const stop = (): void => {
      gate.waiting.delete(go);
      reject(signal.reason as Error);
    };
    gate.waiting.add(go);
    signal.addEventListener('abort', stop, { once: true });
  });
