import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { openChild } from './child-process.ts';
import { assertAgreement, commands, newModel } from './commands.ts';

it(
  'state and events never disagree, also when the process is killed in the middle',
  { timeout: 600_000 },
  async () => {
    const totals = { kills: 0, cutOff: 0, answered: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(commands({ kills: true, maxCommands: 14 }), async (given) => {
        await using killable = await openChild();
        const model = newModel();
        await fc.asyncModelRun(() => ({ model, real: killable.real }), given);
        assertAgreement(await killable.real.snapshot(), model);
        for (const key of ['kills', 'cutOff', 'answered', 'refused'] as const)
          totals[key] += killable.counts[key];
      }),
      { numRuns: 8, endOnFailure: true },
    );
    expect(totals.kills).toBeGreaterThan(0);
    expect(totals.cutOff).toBeGreaterThan(0);
  },
);
