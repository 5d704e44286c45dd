import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '../kernel/ids.ts';
import { attemptTraceparent } from './trace-context.ts';

const VALID = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/;
const id = newId('evt');
const of = (correlation: string, attempt = 'run_1.0.1') =>
  attemptTraceparent({ id, correlation_id: correlation }, attempt);

describe('traceparent', () => {
  it('has the 128 bits of our correlation ids', () => {
    const correlation = newId('cor');
    expect(of(correlation).split('-')[1]).toBe(correlation.slice(4).replaceAll('-', ''));
  });

  it('carries on a trace id that came in', () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    expect(of(traceId).split('-')[1]).toBe(traceId);
  });

  it('is valid whatever the correlation id, the same for one story, and another for each attempt', () => {
    fc.assert(
      fc.property(fc.string(), (correlation) => {
        const first = of(correlation);
        const second = of(correlation, 'run_1.0.2');
        expect(first).toMatch(VALID);
        expect(second).toMatch(VALID);
        expect(second.slice(0, 35)).toBe(first.slice(0, 35));
        expect(second).not.toBe(first);
        expect(of(`${correlation}x`).slice(0, 35)).not.toBe(first.slice(0, 35));
      }),
    );
    expect(of('0'.repeat(32))).toMatch(VALID);
  });
});
