import type { CrucibleEvent } from '../../events/envelope.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import type { Origin } from '../../kernel/origin.ts';
import { createLog, idleReactor } from '../../log/create-log.ts';
import type { Log } from '../../log/log.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from '../../log/memory-store.ts';
import type { GraphChange } from '../../state/change.ts';
import { createStateWriter, type StateWriter } from '../../state/writer.ts';
import { createExpandGraph } from '../expand.ts';
import { GRAPH_TABLES } from '../tables.ts';

export interface OpenGraph {
  readonly log: Log;
  readonly writer: StateWriter;
  /** Changes the graph of a world, as a service would. */
  change(changes: readonly GraphChange[], world?: string): Promise<readonly CrucibleEvent[]>;
}

export const originIn = (world: string): Origin => ({
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  world,
  correlation_id: 'cor_test',
  causation_id: null,
  depth: 0,
});

/** A field of an event that holds text. */
export const textOf = ({ payload }: CrucibleEvent, field: string): string => {
  const value = payload[field];
  if (typeof value !== 'string') throw new Error(`${field} is no text: ${JSON.stringify(payload)}`);
  return value;
};

export const testClock = { now: () => 1_700_000_000_000 };

/** A log in memory with the writer of state and the rows of the graph over it. */
export const openGraph = async (disk: MemoryDisk = createMemoryDisk()): Promise<OpenGraph> => {
  const log = await createLog({
    store: createMemoryStore({ tables: GRAPH_TABLES, disk }),
    reactor: idleReactor,
    clock: testClock,
    logger: silentLogger,
  });
  const writer = createStateWriter({
    log,
    newId,
    gate: async (intended) => intended,
    expandGraph: createExpandGraph({ records: log.records, clock: testClock }),
  });
  return {
    log,
    writer,
    change: async (graph, world = 'default') => {
      const decided = { change: { events: [], mutations: [], graph } };
      return (await writer.write(async () => decided, { origin: originIn(world) })).events;
    },
  };
};
