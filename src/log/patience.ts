/** How long requests wait for a store that does not answer. */
export interface Patience<T> {
  /** Does `work`, for which this group waits. Calls may nest: patience begins anew with each, and ends with it. */
  during(group: readonly T[], work: () => Promise<void>): Promise<void>;
}

/**
 * Calls `over` with the group when `work` has taken longer than `patienceMs`, and lets it go on: only the waiting ends.
 * Undefined: it never does.
 */
export const createPatience = <T>(
  patienceMs: number | undefined,
  over: (group: readonly T[]) => void,
): Patience<T> => {
  let timer: NodeJS.Timeout | undefined;
  return {
    during: async (group, work) => {
      clearTimeout(timer);
      if (patienceMs !== undefined) timer = setTimeout(() => over(group), patienceMs);
      try {
        await work();
      } finally {
        clearTimeout(timer);
      }
    },
  };
};
