import { describe, expect, it } from 'vitest';
import { failingBy } from './status.ts';

const run = (state: Parameters<typeof failingBy>[0][number]['state'], reason: string | null = null) => ({
  state,
  reason,
});

describe('failing, by the newest runs', () => {
  it.each([
    ['nothing', [], false],
    ['one that waits', [run('pending'), run('running'), run('held', 'paused')], false],
    ['a success before a failure', [run('succeeded'), run('dead')], false],
    ['a failure before a success', [run('pending'), run('retrying', 'http_503'), run('succeeded')], true],
    ['an address that became private', [run('skipped', 'egress_denied'), run('succeeded')], true],
    ['one that was skipped while disabled', [run('skipped', 'disabled'), run('succeeded')], false],
    ['one that was cancelled', [run('cancelled'), run('failed', 'http_404')], true],
  ])('%s', (_name, runs, failing) => {
    expect(failingBy(runs)).toBe(failing);
  });
});
