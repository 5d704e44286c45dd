/** Wall-clock time as a dependency. */
export interface Clock {
  /** Milliseconds since the Unix epoch, UTC. May jump either way: nothing may rest on its going forward. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
