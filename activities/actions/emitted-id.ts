import { createHash } from 'node:crypto';

/**
 * The id of the nth event that a run emits, from 0 up: `evt_<UUIDv7>` (RFC 9562) with the time of the run's own id and
 * bits that follow from run, generation and number, so that every attempt gives the same one.
 */
export const eventIdOf = (runId: string, generation: number, n: number): string => {
  const hash = createHash('sha256').update(`${runId}.${generation}.emit.${n}`).digest('hex');
  const runHex = runId.replace(/^run_/, '').replaceAll('-', '');
  const time = /^[0-9a-f]{32}$/.test(runHex) ? runHex.slice(0, 12) : hash.slice(20, 32);
  // The two bits of the variant are 10: the digit is 8, 9, a or b.
  const variant = ((Number.parseInt(hash.slice(3, 4), 16) & 0x3) | 0x8).toString(16);
  return `evt_${time.slice(0, 8)}-${time.slice(8)}-7${hash.slice(0, 3)}-${variant}${hash.slice(4, 7)}-${hash.slice(7, 19)}`;
};
