/** Rung by whatever moves; rings that nobody waits for are remembered as one. For one who waits. */
export interface Bell {
  readonly ring: () => void;
  readonly rung: () => Promise<void>;
}

export const createBell = (): Bell => {
  let pending = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      pending = true;
      wake?.();
    },
    rung: async () => {
      if (!pending) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
      pending = false;
    },
  };
};
