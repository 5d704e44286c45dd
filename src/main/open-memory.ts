import { setTimeout as delay } from 'node:timers/promises';
import { rowIdOf } from '../graph/ids.ts';
import { NODE_TABLE } from '../graph/tables.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import type { AccessedMode } from '../memory/accessed.ts';
import type { IsAgent } from '../memory/dependencies.ts';
import { createDocuments } from '../memory/documents.ts';
import type { MemoryService } from '../memory/memory.ts';
import type { Semantic } from '../memory/semantic.ts';
import { createMemoryService } from '../memory/service.ts';
import type { StateWriter } from '../state/writer.ts';
import type { Closers } from './closers.ts';

/** Sleeps until the time is over, or until the signal aborts. */
const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};

/** Memories over the log, and memories as files see them. What an earlier process has left is done from `start` on. */
export const openMemory = (
  deps: {
    readonly log: Log;
    readonly writer: StateWriter;
    readonly logger: Logger;
    readonly semantic: Semantic;
    readonly accessed: AccessedMode;
  },
  closers: Closers,
): { readonly memory: MemoryService; readonly documents: ReturnType<typeof createDocuments> } => {
  const { log } = deps;
  // An agent is registered as long as the graph has its node, to which an edge can lead.
  const isAgent: IsAgent = async (agentId, world) =>
    (await log.records.get(NODE_TABLE.name, rowIdOf(world, `agent:${agentId}`))) !== undefined;
  const memory = createMemoryService({ ...deps, newId, clock, sleep, isAgent });
  closers.add(() => memory.close());
  return { memory, documents: createDocuments({ records: log.records, clock, isAgent }) };
};
