import { messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Proposal } from '../state/change.ts';
import type { StateWriter } from '../state/writer.ts';
import type { QueryResult } from './memory.ts';
import { callersOrigin } from './writing.ts';

/** Which reads `memory.accessed` tells: none, those by id, or those and what queries find. */
export type AccessedMode = 'off' | 'get' | 'all';

export interface Accessed {
  got(memory: { readonly id: string; readonly world: string }): Promise<void>;
  found(results: readonly QueryResult[], query: string | undefined): Promise<void>;
}

/** Tells reads. A read that cannot be told is answered all the same, and the log of the process says so. */
export const createAccessed = (deps: {
  readonly writer: StateWriter;
  readonly logger: Logger;
  readonly mode: AccessedMode;
}): Accessed => {
  const { writer, logger, mode } = deps;

  const tell = async (world: string, events: readonly Proposal[]): Promise<void> => {
    try {
      await writer.write(async () => ({ change: { events, mutations: [] } }), {
        origin: { ...callersOrigin(), world },
      });
    } catch (error) {
      logger.warn(
        { world, count: events.length, cause: messageOf(error) },
        'reads of memories could not be told',
      );
    }
  };

  return {
    async got({ id, world }) {
      if (mode !== 'off') await tell(world, [{ type: 'memory.accessed', payload: { id }, subject: id }]);
    },
    async found(results, query) {
      if (mode !== 'all') return;
      const byWorld = Map.groupBy(results, ({ memory }) => memory.world);
      for (const [world, those] of byWorld) {
        await tell(
          world,
          those.map(({ memory: { id }, relevance }): Proposal => ({
            type: 'memory.accessed',
            payload: { id, ...(query === undefined ? {} : { query, score: relevance }) },
            subject: id,
          })),
        );
      }
    },
  };
};
