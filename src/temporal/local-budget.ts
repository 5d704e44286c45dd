/**
 * How many first attempts may be local activities at a time. A local activity holds the slot of its workflow task, also
 * while it waits for a free place, so the worker's own limit would not keep a pile of slow ones from taking all slots;
 * this one does, because a run that finds no room here is started with a regular activity instead.
 */
export interface LocalBudget {
  /** Whether this workflow may attempt locally; if so, it counts until `release`, or until `forMs` is over. */
  take(workflowId: string, forMs: number): boolean;
  release(workflowId: string): void;
  /** How many count now. */
  readonly taken: number;
}

/** @param now monotonic, ms */
export const createLocalBudget = (limit: number, now: () => number): LocalBudget => {
  /** Until when each counts, oldest first. One whose attempt never comes (terminated, say) must not count for ever. */
  const taken = new Map<string, number>();
  const dropExpired = (): void => {
    const time = now();
    for (const [workflowId, until] of taken) if (until <= time) taken.delete(workflowId);
  };
  return {
    take(workflowId, forMs) {
      if (taken.size >= limit) dropExpired();
      if (taken.size >= limit) return false;
      taken.set(workflowId, now() + forMs);
      return true;
    },
    release: (workflowId) => void taken.delete(workflowId),
    get taken() {
      return taken.size;
    },
  };
};
