import { describe, expect, test } from 'vitest';
import { pendingRun, policy } from '../../test/support/temporal-runs.ts';
import { detailsOf, runInput, summaryOf, workflowTypeOf } from './start-options.ts';

describe('the input of a run', () => {
  const at = (
    changes: Parameters<typeof pendingRun>[0],
    policyChanges: Parameters<typeof policy>[0] = {},
  ) => {
    const { attempt, delay_ms, local, timeout_ms } = runInput(
      pendingRun(changes),
      policy(policyChanges),
      1_000,
    );
    return { attempt, delay_ms, local, timeout_ms };
  };

  test('a new one begins at once, locally if its action may', () => {
    expect(at({})).toEqual({ attempt: 1, delay_ms: 0, local: true, timeout_ms: 10_000 });
    expect(at({}, { local: false })).toMatchObject({ local: false });
  });

  test('a table may delay the first attempt, which is then not local', () => {
    const table = { schedule: { kind: 'table', delaysMs: [500, 900] } } as const;
    expect(at({}, table)).toMatchObject({ attempt: 1, delay_ms: 500, local: false });
    expect(at({ attempts: 1 }, table)).toMatchObject({ attempt: 2, delay_ms: 0 });
    expect(at({}, { schedule: { kind: 'table', delaysMs: [] } })).toMatchObject({ delay_ms: 0 });
  });

  test('one that was taken over goes on with the next attempt when it is due', () => {
    expect(at({ attempts: 2, due_at: 1_250.5 })).toMatchObject({ attempt: 3, delay_ms: 251, local: false });
    expect(at({ attempts: 2, due_at: 10 })).toMatchObject({ attempt: 3, delay_ms: 0 });
  });

  test('holds references only', () => {
    const keys = Object.keys(runInput(pendingRun(), policy(), 0)).toSorted();
    expect(keys).toEqual(['attempt', 'delay_ms', 'generation', 'local', 'run_id', 'timeout_ms']);
  });
});

test('each kind has its workflow; a kind that has none yet is an error of ours', () => {
  expect(workflowTypeOf(pendingRun())).toBe('hook');
  expect(workflowTypeOf(pendingRun({ kind: 'webhook' }))).toBe('delivery');
  expect(() => workflowTypeOf(pendingRun({ kind: 'flow' }))).toThrow(/no workflow for a run of kind flow/);
});

test('a summary says what reacts to what, within 400 bytes whatever the name', () => {
  expect(summaryOf(pendingRun({ event_id: 'evt_1' }))).toBe('notify-important <- memory.tagged evt_1');
  for (const letter of ['x', 'ü', '日', '😀']) {
    const summary = summaryOf(pendingRun({ target: `hook:${letter.repeat(400)}` }));
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(400);
    expect(summary.endsWith('…')).toBe(true);
  }
});

test('the details name the run, the event and the story', () => {
  const run = pendingRun();
  for (const part of [run.id, run.event_id, run.correlation_id, run.target, 'position 7']) {
    expect(detailsOf(run)).toContain(part);
  }
});
