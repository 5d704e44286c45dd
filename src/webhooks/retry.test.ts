import { describe, expect, it } from 'vitest';
import { policyOf } from './retry.ts';

const HOUR = 3_600_000;

describe('the retry policy', () => {
  it('is ten attempts over three days by default, with jitter', () => {
    const policy = policyOf({}, 15_000, false);
    expect(policy).toMatchObject({ maxAttempts: 10, local: false });
    expect(policy.jitter).toBeGreaterThan(0);
    expect(policy.schedule).toEqual({
      kind: 'table',
      delaysMs: [
        0,
        5_000,
        300_000,
        1_800_000,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
      ],
    });
    expect(policyOf({ preset: 'default' }, 15_000, false)).toEqual(policy);
  });

  it('leaves the request its whole time-out', () => {
    expect(policyOf({}, 15_000, true)).toMatchObject({ local: true });
    expect(policyOf({}, 15_000, false).timeoutMs).toBeGreaterThan(15_000);
  });

  it('quick is 2, 4, 8 and 16 seconds with 5 attempts', () => {
    const policy = policyOf({ preset: 'quick' }, 1_000, false);
    expect(policy.maxAttempts).toBe(5);
    expect(policy.schedule).toEqual({ kind: 'exponential', initialMs: 2_000, maxMs: 16_000 });
  });

  it.each([
    [{ backoff: 'fixed', initial_ms: 250, max_attempts: 3 }, 3, { kind: 'fixed', initialMs: 250 }],
    [{ backoff: 'linear', initial_ms: 100, max_ms: 400 }, 5, { kind: 'linear', initialMs: 100, maxMs: 400 }],
    [{ backoff: 'exponential' }, 5, { kind: 'exponential', initialMs: 2_000, maxMs: 24 * HOUR }],
    [{ preset: 'quick', max_attempts: 2 }, 2, { kind: 'exponential', initialMs: 2_000, maxMs: 16_000 }],
  ] as const)('%j gives %i attempts by %j', (retry, maxAttempts, schedule) => {
    expect(policyOf(retry, 1_000, false)).toMatchObject({ maxAttempts, schedule });
  });

  it('the default schedule may be cut or carried on', () => {
    expect(policyOf({ max_attempts: 1 }, 1_000, false)).toMatchObject({
      maxAttempts: 1,
      schedule: { kind: 'table' },
    });
    expect(policyOf({ max_attempts: 12 }, 1_000, false)).toMatchObject({ maxAttempts: 12 });
  });
});
