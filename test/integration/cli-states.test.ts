import { expect, test } from 'vitest';
import { RUN_STATES as OF_COMMANDS } from '../../src/cli/commands/runs.ts';
import { RUN_STATES } from '../../src/dispatch/run.ts';

test('commands know every state of a run, and no other', () => {
  expect(OF_COMMANDS.toSorted()).toEqual(RUN_STATES.toSorted());
});
