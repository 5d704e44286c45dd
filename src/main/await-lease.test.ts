import { describe, expect, it } from 'vitest';
import { CrucibleError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import { awaitLease } from './await-lease.ts';

const waiting = (answers: readonly (CrucibleError | string)[], patienceMs = 3_000) => {
  const left = [...answers];
  const pauses: number[] = [];
  const warned: string[] = [];
  const told = { times: 0 };
  const result = awaitLease(
    async () => {
      const answer = left.length > 1 ? left.shift() : left[0];
      if (answer instanceof CrucibleError) throw answer;
      return answer;
    },
    {
      patienceMs,
      onHeld: async () => void (told.times += 1),
      sleep: async (delayMs) => pauses.push(delayMs),
      logger: { ...silentLogger, warn: (_, message) => warned.push(message) },
    },
  );
  return { result, pauses, warned, told };
};

const held = (retryAfterMs?: number): CrucibleError =>
  new CrucibleError('fenced', 'held', retryAfterMs === undefined ? {} : { retryAfterMs });

describe('waiting for the lease', () => {
  it('waits as long as the lease lasts, looking again at least every second, and says so once', async () => {
    const { result, pauses, warned } = waiting([held(2_500), held(1_500), held(300), 'open']);
    expect(await result).toBe('open');
    expect(pauses).toEqual([1_000, 1_000, 300]);
    expect(warned).toHaveLength(1);
  });

  it('stands by for ever where it may, and says once that it does', async () => {
    const hour = Array.from({ length: 3_600 }, () => held(9_000));
    const { result, pauses, told } = waiting([...hour, 'open'], Infinity);
    expect(await result).toBe('open');
    expect([pauses.length, told.times]).toEqual([3_600, 1]);
  });

  it('gives up on a writer that goes on living, with what to do', async () => {
    const { result, pauses } = waiting([held(9_000)]);
    await expect(result).rejects.toMatchObject({
      code: 'fenced',
      message: expect.stringContaining('after 3 s'),
      hint: expect.stringContaining('stop the other one'),
    });
    expect(pauses).toEqual([1_000, 1_000, 1_000]);
  });

  it('does not wait for what waiting does not mend', async () => {
    const other = waiting([new CrucibleError('log_unavailable', 'away', { retryAfterMs: 10 })]);
    await expect(other.result).rejects.toMatchObject({ code: 'log_unavailable' });
    const forGood = waiting([held()]);
    await expect(forGood.result).rejects.toMatchObject({ code: 'fenced' });
    expect([...other.pauses, ...forGood.pauses]).toEqual([]);
  });
});
