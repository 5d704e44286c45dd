import { describe, expect, it } from 'vitest';
import { auditExecutions, auditLog, auditRuns } from './audit.ts';
import { crashRounds } from './rounds.ts';

const SEED = 20_261_124;
const ROUNDS = 20;

describe('SIGKILL under load', () => {
  it(
    `loses nothing acknowledged, leaves no gap and starts no run twice in ${ROUNDS} rounds`,
    { timeout: 600_000 },
    async () => {
      const report = await crashRounds({ rounds: ROUNDS, seed: SEED, say: console.log });
      expect(report.faults).toEqual([]);
      // The rounds did something: events were acknowledged, runs ran.
      expect(report.acknowledged).toBeGreaterThan(ROUNDS * 10);
      expect(report.runs).toBeGreaterThan(ROUNDS);
      expect(report.drained).toBeGreaterThan(ROUNDS);
    },
  );
});

describe('the auditor', () => {
  const event = (position: number, n: number, over: object = {}) => ({
    id: `evt_${position}`,
    type: 'custom.crash.hooked',
    position,
    timestamp: '2026-11-24T00:00:00.000Z',
    payload: { n },
    ...over,
  });
  const memory = (...acknowledged: readonly [n: number, position: number][]) => ({
    next: 0,
    sent: acknowledged.map(([n, position]) => ({
      n,
      type: 'custom.crash.hooked',
      key: `k-${n}`,
      acknowledged: { id: `evt_${position}`, position },
    })),
  });

  it('finds nothing wrong with a sound log', () => {
    expect(auditLog([event(1, 7), event(2, 8)], memory([7, 1], [8, 2]))).toEqual([]);
  });

  it.each([
    ['a lost event', [event(1, 7)], memory([7, 1], [8, 2]), 'lost'],
    ['a gap', [event(1, 7), event(3, 8)], memory([7, 1]), 'gap'],
    ['a repeat', [event(1, 7), event(2, 7)], memory([7, 1]), '2 times'],
    ['another position', [event(1, 8), event(2, 7)], memory([7, 1]), 'acknowledged as'],
    [
      'time going back',
      [event(1, 7), event(2, 8, { timestamp: '2020-01-01T00:00:00.000Z' })],
      memory([7, 1]),
      'time goes back',
    ],
  ])('finds %s', (_, events, remembered, words) => {
    expect(auditLog(events, remembered).join('\n')).toContain(words);
  });

  const run = (id: string, eventId: string, state = 'succeeded') => ({
    id,
    event_id: eventId,
    state,
    workflow_id: id,
  });
  const told = (position: number, runId: string) =>
    event(position, -1, { type: 'hook.executed', payload: { run_id: runId } });
  const terminal = new Set(['hook.executed']);

  it.each([
    ['a missing run', [event(1, 7)], [], '0 runs'],
    ['a run too many', [event(1, 7)], [run('r1', 'evt_1'), run('r2', 'evt_1')], '2 runs'],
    ['a run that did not end', [event(1, 7), told(2, 'r1')], [run('r1', 'evt_1', 'pending')], 'is pending'],
    ['an untold end', [event(1, 7)], [run('r1', 'evt_1')], '0 terminal events'],
    [
      'an end told twice',
      [event(1, 7), told(2, 'r1'), told(3, 'r1')],
      [run('r1', 'evt_1')],
      '2 terminal events',
    ],
  ])('finds %s', (_, events, runs, words) => {
    expect(auditRuns('hook', events, runs, terminal).join('\n')).toContain(words);
  });

  it('finds what was started twice, never, or under an id that no run has', () => {
    const runs = ['a', 'b', 'c'].map((id) => ({ id: `run_${id}`, workflow_id: id }));
    const executions = ['a', 'b', 'a', 'b:again'].map((workflowId) => ({ workflowId }));
    expect(auditExecutions(executions, runs)).toEqual([
      'a of run_a was started 2 times',
      'c of run_c was started 0 times',
      'b:again was started, and no run has that id',
    ]);
  });
});
