import * as fc from 'fast-check';
import { expect } from 'vitest';
import { newId } from '../../src/kernel/ids.ts';
import { plans, type Plan } from './arbitraries.ts';
import type { Done, Operation } from './operations.ts';
import { project } from './projector.ts';
import type { Snapshot } from './services.ts';
import { comparable, lateTimes } from './state.ts';

/** The services, in this process or in another one. */
export interface Real {
  /** @returns what it has come to; undefined: it was refused, or the process was killed before it said so */
  perform(operation: Operation): Promise<Done | undefined>;
  /** Has the process killed after this many more commits, where there is one to kill. Resolves when that is arranged. */
  killAfter(commits: number): Promise<void>;
  /** Resolves when the process that was to be killed is gone. */
  endKill(): Promise<void>;
  /** Of a process that was killed, of the next one. */
  snapshot(): Promise<Snapshot>;
}

/** What is known of the outside: the memories that were ever named, and those that must be there. */
export interface Model {
  readonly named: Map<string, string[]>;
  /** Acknowledged, and nothing that could take them away was asked for since. */
  readonly sure: Set<string>;
}

export const newModel = (): Model => ({ named: new Map(), sure: new Set() });

const note = (model: Model, world: string, ids: readonly string[]): void => {
  const known = model.named.get(world) ?? [];
  model.named.set(world, [...known, ...ids.filter((id) => !known.includes(id))]);
};

const namedBy = (plan: Plan, model: Model): Operation =>
  plan((world, { pick }) => {
    const known = model.named.get(world) ?? [];
    // The latest ones are picked most, or little would ever happen twice to the same one.
    return known.at(-1 - (pick % Math.max(1, known.length))) ?? newId('msg');
  });

/** What may be gone afterwards, whether it is acknowledged or not. */
const takesAway = (operation: Operation, model: Model): void => {
  if (operation.do === 'remove') model.sure.delete(operation.id);
  if (operation.do === 'prune')
    for (const id of model.named.get(operation.world) ?? []) model.sure.delete(id);
};

const describe = (operation: Operation): string => JSON.stringify(operation);

export const assertAgreement = ({ events, stored, viewDiffers }: Snapshot, model: Model): void => {
  const told = project(events);
  expect(comparable(told)).toEqual(comparable(stored));
  expect(lateTimes(stored, told)).toEqual([]);
  expect(viewDiffers).toEqual([]);
  expect(events.map(({ position }) => position)).toEqual(events.map((_, i) => i + 1));
  const missing = [...model.sure].filter((id) => !stored.memories.has(id));
  expect(missing, 'acknowledged memories').toEqual([]);
};

/** Several operations at once, and perhaps the end of the process in the middle of them. */
class Burst implements fc.AsyncCommand<Model, Real> {
  readonly plans: readonly Plan[];
  readonly kill: number | undefined;
  private operations: readonly Operation[] = [];

  constructor(given: readonly Plan[], kill: number | undefined) {
    this.plans = given;
    this.kill = kill;
  }

  check = (): boolean => true;

  async run(model: Model, real: Real): Promise<void> {
    this.operations = this.plans.map((plan) => namedBy(plan, model));
    for (const operation of this.operations) takesAway(operation, model);
    if (this.kill !== undefined) await real.killAfter(this.kill);
    const outcomes = await Promise.all(this.operations.map((operation) => real.perform(operation)));
    await real.endKill();
    const gone = new Set(outcomes.flatMap((done) => done?.gone ?? []));
    for (const [i, done] of outcomes.entries()) {
      const operation = this.operations[i];
      if (done === undefined || operation === undefined) continue;
      note(model, operation.world, done.made);
      if (!this.operations.some((other) => other.do === 'prune'))
        for (const id of done.made) if (!gone.has(id)) model.sure.add(id);
      for (const id of done.gone) model.sure.delete(id);
    }
    // Every document of an import has an id of its caller, who may ask again.
    for (const operation of this.operations)
      if (operation.do === 'import')
        note(
          model,
          operation.world,
          operation.documents.flatMap(({ id }) => id ?? []),
        );
    for (const operation of this.operations) if (operation.do === 'remove') model.sure.delete(operation.id);
  }

  toString = (): string =>
    `${this.kill === undefined ? '' : `killed after ${this.kill}: `}${this.operations.map(describe).join(' | ')}`;
}

/** Looks whether everything agrees. */
class Compare implements fc.AsyncCommand<Model, Real> {
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    assertAgreement(await real.snapshot(), model);
  }
  toString = (): string => 'compare';
}

/**
 * @param kills whether processes are killed in the middle
 * @param crowd at most so many operations at once, where it is not a few
 */
export const commands = (options: {
  readonly kills: boolean;
  readonly maxCommands: number;
  readonly crowd?: number;
}) =>
  fc.commands(
    [
      fc.array(plans, { minLength: 1, maxLength: 3 }).map((some) => new Burst(some, undefined)),
      fc
        .array(plans, { minLength: 2, maxLength: options.crowd ?? 6 })
        .map((some) => new Burst(some, undefined)),
      ...(options.kills
        ? [
            fc
              .tuple(fc.array(plans, { minLength: 4, maxLength: 12 }), fc.nat(6))
              .map(([some, after]) => new Burst(some, after)),
          ]
        : [fc.constant(new Compare())]),
    ],
    { maxCommands: options.maxCommands, size: 'max' },
  );
