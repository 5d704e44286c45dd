/** Milliseconds since the epoch, as rows hold them, to ISO 8601, as every wire does. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();

export const isoTimeOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));
