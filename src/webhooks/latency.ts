/** How fast endpoints have answered of late, in this process. Forgetting it costs nothing but a little speed. */
export interface RecentLatency {
  record(endpointId: string, durationMs: number): void;
  /** True once enough answers are known and 95 of 100 of them came within the limit. */
  isFast(endpointId: string): boolean;
}

const KEPT = 40;
const NEEDED = 20;
const FAST_MS = 500;
const MAX_ENDPOINTS = 10_000;

/**
 * Decides whether a first attempt may run as a local activity: such an attempt holds a slot of the workflow worker
 * while it lasts, so only endpoints that are known to be fast get it.
 */
export function createRecentLatency(): RecentLatency {
  const known = new Map<string, number[]>();
  return {
    record(endpointId, durationMs) {
      const durations = known.get(endpointId) ?? [];
      durations.push(durationMs);
      if (durations.length > KEPT) durations.shift();
      // Set anew at the end: the map's first entry is the one that was used longest ago.
      known.delete(endpointId);
      known.set(endpointId, durations);
      const [oldest] = known.keys();
      if (known.size > MAX_ENDPOINTS && oldest !== undefined) known.delete(oldest);
    },
    isFast(endpointId) {
      const durations = known.get(endpointId);
      if (durations === undefined || durations.length < NEEDED) return false;
      const slow = durations.filter((durationMs) => durationMs >= FAST_MS).length;
      return slow * 20 <= durations.length;
    },
  };
}
