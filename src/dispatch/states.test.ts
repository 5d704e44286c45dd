import { describe, expect, it } from 'vitest';
import { RUN_STATES } from './run.ts';
import { allows, EXECUTING, isFinal } from './states.ts';

describe('the states of a run', () => {
  it('leaves a final state by replay alone', () => {
    for (const state of RUN_STATES.filter(isFinal)) {
      expect(RUN_STATES.filter((next) => allows(state, next))).toEqual(['pending']);
    }
  });

  it('lets every executing run reach every end of an attempt', () => {
    for (const from of EXECUTING) {
      for (const to of ['succeeded', 'failed', 'dead', 'skipped', 'retrying'] as const) {
        expect(allows(from, to), `${from} -> ${to}`).toBe(true);
      }
    }
  });

  it('does not end a held run as succeeded', () => {
    expect(allows('held', 'succeeded')).toBe(false);
  });
});
