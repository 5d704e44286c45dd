import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RETRY_AFTER_MS, retryAfterMs } from './retry-after.ts';

const NOW = Date.UTC(2026, 10, 24, 10, 0, 0);
const DAY = MAX_RETRY_AFTER_MS;

describe('Retry-After', () => {
  it.each<[string | undefined, number | undefined]>([
    ['120', 120_000],
    [' 7 ', 7_000],
    ['99999999', DAY],
    ['9'.repeat(400), DAY],
    ['Tue, 24 Nov 2026 10:00:30 GMT', 30_000],
    ['Tuesday, 24-Nov-26 10:00:30 GMT', 30_000],
    ['Tue Nov 24 10:00:30 2026', 30_000],
    ['Fri, 04 Dec 2026 10:00:00 GMT', DAY],
    ['Fri, 31 Dec 9999 23:59:59 GMT', DAY],
    [undefined, undefined],
    ['', undefined],
    ['0', undefined],
    ['-5', undefined],
    ['+5', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['soon', undefined],
    ['120, 240', undefined],
    ['Tue, 24 Nov 2026 09:59:59 GMT', undefined],
    ['Sunday, 06-Nov-94 08:49:37 GMT', undefined],
    ['Tue, 24 Nov 2026 25:00:00 GMT', undefined],
    ['Tue, 24 Nov 2026 10:00:30 PST', undefined],
    ['2026-11-24T10:00:30Z', undefined],
  ])('%j asks for %j ms', (value, expected) => {
    expect(retryAfterMs(value, NOW)).toBe(expected);
  });

  it('reads back what toUTCString writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 86_400 }), (seconds) => {
        const at = new Date(NOW + seconds * 1000).toUTCString();
        expect(retryAfterMs(at, NOW)).toBe(seconds * 1000);
      }),
    );
  });

  it('never throws and never leaves its bounds, whatever a receiver sends', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const delay = retryAfterMs(text, NOW);
        expect(delay === undefined || (delay > 0 && delay <= DAY)).toBe(true);
      }),
    );
  });
});
