/**
 * One press of Ctrl-C reaches the program twice when npm stands between: from the terminal, and passed on by npm. Signals
 * that follow closely count as one; a person who presses again to hurry takes longer.
 */
const SAME_PRESS_MS = 300;

/** @param now any clock that does not jump, ms */
export const oncePerPress = (listener: () => void, now: () => number): (() => void) => {
  let last = -Infinity;
  return () => {
    const before = last;
    last = now();
    if (last - before > SAME_PRESS_MS) listener();
  };
};
