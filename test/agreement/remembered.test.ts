import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { WORLD_TABLE } from '../../src/agents/rows.ts';
import { isCrucibleError } from '../../src/kernel/errors.ts';
import { createMemoryStore } from '../../src/log/memory-store.ts';
import { withRecentRows } from '../../src/log/recent-rows.ts';
import type { Row, TableDefinition } from '../../src/log/records.ts';
import { CommitFailure, type LogStore } from '../../src/log/store.ts';
import { WORK_TABLE } from '../../src/memory/tables.ts';
import { WORLDS } from './arbitraries.ts';
import { assertAgreement, commands, newModel, type Real } from './commands.ts';
import { perform, rootOf } from './operations.ts';
import { openServices, TABLES } from './services.ts';

/*
 * Many changes at once over a database that is slow, refuses commits and gets lost, with a process that remembers few
 * rows, so that they come and go all the time. Each row that anybody is given must be what the database has, as it
 * would give it, and nobody may change what is remembered.
 */

const FAULTS = ['ok', 'ok', 'ok', 'ok', 'ok', 'refused', 'lost before', 'lost after'] as const;
type Fault = (typeof FAULTS)[number];

/** What the test itself writes, and what the services do of their own accord, which nobody would ask for again. */
const SPARED: ReadonlySet<string> = new Set([WORK_TABLE.name, WORLD_TABLE.name, 'barrier']);

const withCapacity = (table: TableDefinition, recent: number): TableDefinition =>
  table.recent === undefined ? table : { ...table, recent };
const FORGETFUL = TABLES.map((table) => withCapacity(table, 7));

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) await new Promise(setImmediate);
};

/** Turns of the event loop that commits and reads take, one after another. */
interface Slowness {
  readonly commit: readonly number[];
  readonly read: readonly number[];
}

/** Slow and faulty, by turns. */
const faulty = (store: LogStore, faults: readonly Fault[], { commit, read }: Slowness): LogStore => {
  let commits = 0;
  const passing = (ticks: readonly number[]): (() => Promise<void>) => {
    let calls = 0;
    return () => turns(ticks[(calls += 1) % ticks.length] ?? 0);
  };
  const [pass, passRead] = [passing(commit), passing(read)];
  const slowly =
    <Given extends readonly unknown[], T>(ask: (...given: Given) => Promise<T>) =>
    async (...given: Given): Promise<T> => {
      await passRead();
      const found = await ask(...given);
      await passRead();
      return found;
    };
  return {
    ...store,
    recoverable: true,
    async commit(batch) {
      const fault = faults[(commits += 1) % faults.length];
      await pass();
      if (fault === 'refused' && !batch.writes.some(({ table }) => SPARED.has(table)))
        throw new CommitFailure('refused', 'planted');
      if (fault === 'lost before') throw new CommitFailure('unknown', 'planted');
      await store.commit(batch);
      await pass();
      if (fault === 'lost after') throw new CommitFailure('unknown', 'planted');
    },
    getRows: slowly(store.getRows),
    readIndex: slowly(store.readIndex),
    listRows: slowly(store.listRows),
  };
};

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
};

/** Looks at each row that is given away. `truth` is what `store` remembers rows of. */
const watched = (store: LogStore, truth: LogStore) => {
  const wrong: string[] = [];
  let compared = 0;
  /** Moves when something is written. */
  let version = 0;
  return {
    wrong,
    compared: () => compared,
    store: {
      ...store,
      async commit(batch) {
        // Somebody reads what it writes, before and meanwhile.
        const look = (): void => {
          for (const { table, insert, update, remove } of batch.writes)
            void store.getRows(table, [...[...insert, ...update].map(({ id }) => id), ...remove]);
        };
        look();
        version += 1;
        try {
          setImmediate(look);
          await store.commit(batch);
        } finally {
          version += 1;
        }
      },
      async getRows(table, ids) {
        const before = version;
        const rows = await store.getRows(table, ids);
        const stored = await truth.getRows(table, ids);
        // An even one: nothing was being written, neither before nor since.
        if (before % 2 === 0 && before === version) {
          compared += 1;
          const [given, are] = [rows, stored].map((some: readonly Row[]) => JSON.stringify(some));
          if (given !== are) wrong.push(`${table}: given ${given}, stored ${are}`);
          for (const row of rows) if (!lasts(row)) wrong.push(`${table}: ${row.id} is not as it is stored`);
        }
        return frozen(rows);
      },
    } satisfies LogStore,
  };
};

/** Whether JSON keeps all of it. */
const lasts = (value: unknown): boolean => {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || value === null) return value !== undefined;
  return Object.values(value).every(lasts);
};

const openHere = async (faults: readonly Fault[], slowness: Slowness) => {
  const directory = await mkdtemp(join(tmpdir(), 'crucible-agreement-'));
  for (const world of WORLDS) await mkdir(rootOf(directory, world));
  const truth = createMemoryStore({ tables: FORGETFUL });
  const { store, wrong, compared } = watched(
    withRecentRows(faulty(truth, faults, slowness), FORGETFUL),
    truth,
  );
  const services = await openServices(
    store,
    WORLDS.map((world) => ({ path: rootOf(directory, world), world })),
  );
  const met = { done: 0, refused: 0 };
  const real: Real = {
    async perform(operation) {
      try {
        const done = await perform(services, directory, operation);
        met.done += 1;
        return done;
      } catch (error) {
        if (!isCrucibleError(error)) throw error;
        if (error.code === 'internal' && !(error.cause instanceof CommitFailure)) throw error;
        met.refused += 1;
        return undefined;
      }
    },
    killAfter: async () => undefined,
    endKill: async () => undefined,
    snapshot: () => services.snapshot(),
  };
  return {
    real,
    wrong,
    met,
    compared,
    async [Symbol.asyncDispose]() {
      await services.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

it(
  'what is remembered is what is stored, whatever is done at once and fails',
  { timeout: 240_000 },
  async () => {
    let compared = 0;
    const met = { done: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(
        commands({ kills: false, maxCommands: 8, crowd: 30 }),
        fc.array(fc.constantFrom(...FAULTS), { minLength: 1, maxLength: 11 }),
        fc.record({
          commit: fc.array(fc.nat({ max: 3 }), { minLength: 3, maxLength: 7 }),
          read: fc.array(fc.constantFrom(0, 0, 1, 2, 20), { minLength: 3, maxLength: 11 }),
        }),
        async (given, faults, slowness) => {
          await using here = await openHere(['ok', 'ok', ...faults], slowness);
          const model = newModel();
          await fc.asyncModelRun(() => ({ model, real: here.real }), given);
          assertAgreement(await here.real.snapshot(), model);
          expect(here.wrong).toEqual([]);
          compared += here.compared();
          met.done += here.met.done;
          met.refused += here.met.refused;
        },
      ),
      { numRuns: 100, endOnFailure: true },
    );
    // What never happened has not been tested.
    expect(compared).toBeGreaterThan(1_000);
    expect(Math.min(met.done, met.refused)).toBeGreaterThan(100);
  },
);
