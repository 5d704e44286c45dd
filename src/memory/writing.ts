import type { KnownType, PayloadOf } from '../events/catalogue.ts';
import { currentOrigin } from '../kernel/context.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Origin } from '../kernel/origin.ts';
import type { Idempotency, Log } from '../log/log.ts';
import type { Proposal } from '../state/change.ts';
import type { StateWriter } from '../state/writer.ts';
import type { Mender } from './state/mender.ts';
import { createPlan, type MemoryPlan } from './state/plan.ts';

/** What `decide` is given and answers. */
type Decide = (plan: MemoryPlan, intended: readonly Proposal[]) => Promise<JsonObject | undefined>;

interface MemoryWrite {
  /** The world of the write. */
  readonly world: string;
  readonly intended?: readonly Proposal[];
  readonly idempotency?: Idempotency | undefined;
}

/**
 * One change of memories by the one path of all changes. Resolves when the change and all links that follow from it are
 * committed.
 * @returns what `decide` answered, the first time
 */
export type WriteMemories = (write: MemoryWrite, decide: Decide) => Promise<JsonObject | undefined>;

export const createWriteMemories =
  (deps: {
    readonly log: Pick<Log, 'records'>;
    readonly writer: StateWriter;
    readonly mender: Pick<Mender, 'done'>;
  }): WriteMemories =>
  async ({ world, intended = [], idempotency }, decide) => {
    const origin: Origin = { ...callersOrigin(), world };
    let work: readonly string[] = [];
    const { answer } = await deps.writer.write(
      async (passed) => {
        const plan = createPlan({ records: deps.log.records, world, origin });
        const decided = await decide(plan, passed);
        const finished = await plan.finish();
        ({ work } = finished);
        return { change: finished.change, ...(decided === undefined ? {} : { answer: decided }) };
      },
      { intended, origin, ...(idempotency === undefined ? {} : { idempotency }) },
    );
    await deps.mender.done(work);
    return answer;
  };

/** @throws CrucibleError `internal` outside of any request */
export const callersOrigin = (): Origin => {
  const origin = currentOrigin();
  if (origin === undefined)
    throw new CrucibleError('internal', 'A memory was changed outside of any request');
  return origin;
};

/** The payload of an intended event as the gate left it. */
export const payloadOf = <Type extends KnownType>(
  intended: readonly Proposal[],
  type: Type,
  index = 0,
): PayloadOf<Type> => {
  const proposal = intended[index];
  // TypeScript cannot follow the type of an event to that of its payload through the union.
  if (proposal?.type === type) return proposal.payload as PayloadOf<Type>;
  throw new CrucibleError('internal', `A gate has taken the intended ${type} away`);
};
