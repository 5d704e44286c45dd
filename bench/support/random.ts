/** The same numbers each time (Lehmer 1951), from 0 up to 1. */
export const createRandom = (): (() => number) => {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
};
