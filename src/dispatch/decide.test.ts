import { describe, expect, it } from 'vitest';
import { decide, scheduledDelayMs } from './decide.ts';
import type { ActionOutcome, AttemptPolicy } from './outcome.ts';

const policy = (over: Partial<AttemptPolicy> = {}): AttemptPolicy => ({
  timeoutMs: 1_000,
  maxAttempts: 3,
  schedule: { kind: 'exponential', initialMs: 1_000, maxMs: 5_000 },
  jitter: 0,
  local: false,
  ...over,
});

const failing: ActionOutcome = { kind: 'retryable', code: 'timeout', message: 'too slow', detail: {} };

describe('decide', () => {
  it('retries what may pass until the attempts are used up', () => {
    expect(decide(failing, policy(), 1, 0.5)).toEqual({
      state: 'retrying',
      reason: 'timeout',
      delayMs: 1_000,
    });
    expect(decide(failing, policy(), 2, 0.5)).toEqual({
      state: 'retrying',
      reason: 'timeout',
      delayMs: 2_000,
    });
    expect(decide(failing, policy(), 3, 0.5)).toEqual({ state: 'dead', reason: 'timeout', delayMs: null });
  });

  it('never retries a final answer', () => {
    const failed: ActionOutcome = { kind: 'failed', code: 'http_404', message: 'not there', detail: {} };
    expect(decide(failed, policy(), 1, 0.5)).toEqual({ state: 'failed', reason: 'http_404', delayMs: null });
  });

  it("makes a post hook's own denial its failure", () => {
    const denied: ActionOutcome = { kind: 'denied', reason: 'no', detail: {} };
    expect(decide(denied, policy(), 1, 0.5)).toEqual({ state: 'failed', reason: 'denied', delayMs: null });
  });

  it('waits as long as the receiver asks, up to a day', () => {
    expect(decide({ ...failing, retryAfterMs: 7_000 }, policy(), 1, 0.5).delayMs).toBe(7_000);
    expect(decide({ ...failing, retryAfterMs: 10 }, policy(), 1, 0.5).delayMs).toBe(1_000);
    expect(decide({ ...failing, retryAfterMs: 1e12 }, policy(), 1, 0.5).delayMs).toBe(86_400_000);
  });

  it('charges no fault of ours: it uses no attempt up and does not move the schedule on', () => {
    const ours: ActionOutcome = { ...failing, code: 'dns_failed', ours: true };
    const past = (uncharged: number, ageMs = 60_000) => ({ uncharged, ageMs });
    // The third attempt of three, and then the fiftieth: still retried, at a pace of their own.
    expect(decide(ours, policy(), 3, 0.5, past(0))).toEqual({
      state: 'retrying',
      reason: 'dns_failed',
      delayMs: 1_000,
    });
    expect(decide(ours, policy(), 50, 0.5, past(47)).delayMs).toBe(15 * 60_000);
    // Six of those before were ours: the eighth is the second one that counts, the ninth the third and last.
    expect(decide(failing, policy(), 8, 0.5, past(6)).delayMs).toBe(2_000);
    expect(decide(failing, policy(), 9, 0.5, past(6)).state).toBe('dead');
    // Not for ever.
    expect(decide(ours, policy(), 300, 0.5, past(299, 3 * 86_400_000)).state).toBe('dead');
  });

  it('spreads a delay by its jitter around the schedule', () => {
    expect(decide(failing, policy({ jitter: 0.2 }), 1, 0).delayMs).toBe(800);
    expect(decide(failing, policy({ jitter: 0.2 }), 1, 1).delayMs).toBe(1_200);
  });
});

describe('schedules', () => {
  it.each([
    ['fixed', { kind: 'fixed', initialMs: 500 }, [500, 500, 500]],
    ['linear', { kind: 'linear', initialMs: 500, maxMs: 1_200 }, [500, 1_000, 1_200]],
    ['exponential', { kind: 'exponential', initialMs: 2_000, maxMs: 60_000 }, [2_000, 4_000, 8_000]],
    ['table', { kind: 'table', delaysMs: [0, 5_000, 300_000] }, [5_000, 300_000, 300_000]],
  ] as const)('%s', (_, schedule, delays) => {
    expect([1, 2, 3].map((attempt) => scheduledDelayMs(policy({ schedule }), attempt))).toEqual(delays);
  });

  it('does not overflow after a thousand attempts', () => {
    expect(scheduledDelayMs(policy(), 1_000)).toBe(5_000);
  });
});
