import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { isCrucibleError } from '../../src/kernel/errors.ts';
import { createMemoryDisk, createMemoryStore } from '../../src/log/memory-store.ts';
import { WORLDS } from './arbitraries.ts';
import { assertAgreement, commands, newModel, type Real } from './commands.ts';
import { perform, rootOf } from './operations.ts';
import { STATE_EVENTS } from './projector.ts';
import { openServices, TABLES } from './services.ts';

/** The services in this process, over the memory twin of the store. */
const openHere = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'crucible-agreement-'));
  for (const world of WORLDS) await mkdir(rootOf(directory, world));
  const services = await openServices(
    createMemoryStore({ tables: TABLES, disk: createMemoryDisk() }),
    WORLDS.map((world) => ({ path: rootOf(directory, world), world })),
  );
  const real: Real = {
    async perform(operation) {
      try {
        return await perform(services, directory, operation);
      } catch (error) {
        if (!isCrucibleError(error) || error.code === 'internal') throw error;
        return undefined;
      }
    },
    killAfter: async () => undefined,
    endKill: async () => undefined,
    snapshot: () => services.snapshot(),
  };
  return {
    real,
    async [Symbol.asyncDispose]() {
      await services.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

it('state and events never disagree, whatever is done at once', { timeout: 240_000 }, async () => {
  const types = new Set<string>();
  await fc.assert(
    fc.asyncProperty(commands({ kills: false, maxCommands: 24 }), async (given) => {
      await using here = await openHere();
      const model = newModel();
      await fc.asyncModelRun(() => ({ model, real: here.real }), given);
      const snapshot = await here.real.snapshot();
      assertAgreement(snapshot, model);
      for (const { type } of snapshot.events) types.add(type);
    }),
    { numRuns: 400, endOnFailure: false },
  );
  // What never happened has not been tested.
  expect(STATE_EVENTS.filter((type) => !types.has(type))).toEqual([]);
});
