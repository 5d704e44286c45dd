import type { Clock } from '../kernel/clock.ts';
import type { NewId } from '../kernel/ids.ts';
import type { JsonObject } from '../kernel/json.ts';
import { named } from '../kernel/references.ts';
import type { Idempotency, Log } from '../log/log.ts';
import type { CardRow } from './tables.ts';
import { isVisible, noSuchMemory, type MemoryReader } from './reader.ts';
import type { WriteMemories } from './writing.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { MemoryPlan } from './state/plan.ts';

/** Tells whether an agent is registered in a world; only then a memory is linked to it. */
export type IsAgent = (agentId: string, world: string) => Promise<boolean>;

/** What the operations of the service stand on. */
export interface MemoryDeps {
  readonly log: Pick<Log, 'records' | 'settled' | 'answered'>;
  readonly reader: MemoryReader;
  readonly write: WriteMemories;
  readonly newId: NewId;
  readonly clock: Clock;
  readonly isAgent: IsAgent;
}

/**
 * What a request that is repeated was answered the first time. For who looks at other memories before the write: those
 * may have gone since, and that must not hide that the request was done.
 */
export const firstAnswer = async (
  { log }: Pick<MemoryDeps, 'log'>,
  idempotency: Idempotency | undefined,
): Promise<JsonObject | undefined> =>
  idempotency === undefined ? undefined : (await log.answered(idempotency))?.answer;

/**
 * The card of a memory that can be changed, inside a decision.
 * @throws CrucibleError `not_found`, `conflict` for one that went into another
 */
export const changeable = async (plan: MemoryPlan, id: string): Promise<CardRow> => {
  const card = await plan.card(id);
  if (card === undefined || card.state === 'removing') throw noSuchMemory(id);
  if (card.state === 'consolidated')
    throw new CrucibleError(
      'conflict',
      `The memory ${id} went into ${card.into ?? 'another'} and stays as it is`,
      {
        hint: 'Change the memory that it went into.',
      },
    );
  return card;
};

/** @throws CrucibleError `managed_by_file` */
export const assertNoFile = (card: CardRow): void => {
  if (card.file === null) return;
  throw new CrucibleError(
    'managed_by_file',
    `The memory ${card.id} is a file, which is where it is changed`,
    {
      hint: 'Change or delete the file; tags and links may be added here.',
    },
  );
};

/**
 * Of the memory that `to` names.
 * @throws CrucibleError `invalid`: not there (also where the caller cannot look), or of another world
 */
export const assertSameWorld = async (
  { reader }: Pick<MemoryDeps, 'reader'>,
  world: string,
  id: string,
  visible: readonly string[] | undefined,
): Promise<void> => {
  const card = await named('to', () => reader.card(id, visible));
  if (card.world === world || !isVisible(card.world, visible)) return;
  const message = `The memory ${id} lies in the world ${card.world}, not in ${world}`;
  throw new CrucibleError('invalid', `${message}: links stay within one world`, {
    issues: [{ path: 'to', message }],
  });
};
