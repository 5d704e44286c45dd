import type { Clock } from '../kernel/clock.ts';
import type { NewId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import type { StateWriter } from '../state/writer.ts';
import { createAccessed, type AccessedMode } from './accessed.ts';
import { cardsById } from './candidates.ts';
import { createConsolidate } from './consolidate.ts';
import type { IsAgent, MemoryDeps } from './dependencies.ts';
import { createImportBatch } from './import-batch.ts';
import type { MemoryService } from './memory.ts';
import { createPrune } from './prune.ts';
import { createQuery } from './query.ts';
import { createReader } from './reader.ts';
import { createRelations } from './relations.ts';
import type { Semantic } from './semantic.ts';
import { createMender } from './state/mender.ts';
import { createWriteMemories } from './writing.ts';
import { createWorlds } from './worlds.ts';
import { createWrites } from './writes.ts';

export interface MemoryServiceDeps {
  readonly log: Pick<Log, 'records' | 'settled' | 'onCommit' | 'answered'>;
  readonly writer: StateWriter;
  readonly newId: NewId;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Resolves after that time, or when the signal aborts. ms */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly isAgent: IsAgent;
  readonly semantic: Semantic;
  /** Which reads are told. */
  readonly accessed: AccessedMode;
}

/** The service of memories, over the log. */
export const createMemoryService = (deps: MemoryServiceDeps): MemoryService => {
  const { log, writer, newId, clock, logger, sleep, isAgent } = deps;
  const mender = createMender({ log, writer, logger, sleep });
  const reader = createReader(log);
  const write = createWriteMemories({ log, writer, mender });
  const accessed = createAccessed({ writer, logger, mode: deps.accessed });
  const worlds = createWorlds(log);
  const find = createQuery({ log, reader, semantic: deps.semantic, worlds });
  const operations: MemoryDeps = { log, reader, write, newId, clock, isAgent };

  return {
    ...createWrites(operations),
    ...createRelations(operations),
    consolidate: createConsolidate(operations),
    prune: createPrune(operations),
    importBatch: createImportBatch(operations),
    async get(id, { visible } = {}) {
      const found = await reader.detail(id, visible);
      await accessed.got(found);
      return found;
    },
    async query(query, { visible } = {}) {
      const answer = await find(query, visible);
      await accessed.found(answer.results, query.text ?? query.semantic);
      return answer;
    },
    async list({ visible, after, limit }) {
      const rows = await cardsById(log.records, visible, {
        limit,
        ...(after === undefined ? {} : { after }),
      });
      const data = await reader.views(rows.filter(({ state }) => state !== 'removing'));
      await log.settled();
      return { data, last: rows.length < limit ? undefined : rows.at(-1)?.id };
    },
    start: () => mender.start(),
    async close() {
      worlds.close();
      await mender.close();
    },
  };
};
