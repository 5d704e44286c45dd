/** Memories over a log in memory, with the writer of state and the graph as they are in the product. */
import { createExpandGraph } from '../../src/graph/expand.ts';
import { EDGE_TABLE, GRAPH_TABLES, NODE_TABLE } from '../../src/graph/tables.ts';
import { withOrigin } from '../../src/kernel/context.ts';
import { newId } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import { createLog, idleReactor } from '../../src/log/create-log.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from '../../src/log/memory-store.ts';
import type { Row } from '../../src/log/records.ts';
import type { LogStore } from '../../src/log/store.ts';
import type { AccessedMode } from '../../src/memory/accessed.ts';
import type { IsAgent } from '../../src/memory/dependencies.ts';
import { createDocuments } from '../../src/memory/documents.ts';
import { createMemoryService } from '../../src/memory/service.ts';
import type { Semantic } from '../../src/memory/semantic.ts';
import { MEMORY_TABLES } from '../../src/memory/tables.ts';
import { createStateWriter, type Gate } from '../../src/state/writer.ts';

export const originIn = (world: string, more: Partial<Origin> = {}): Origin => ({
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  world,
  correlation_id: 'cor_test',
  causation_id: null,
  depth: 0,
  ...more,
});

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export interface MemoryOptions {
  readonly disk?: MemoryDisk;
  readonly store?: LogStore;
  readonly gate?: Gate;
  readonly isAgent?: IsAgent;
  readonly semantic?: Semantic;
  readonly accessed?: AccessedMode;
}

/** The clock moves by hand, one millisecond for each look. */
export const openMemories = async (options: MemoryOptions = {}) => {
  const disk = options.disk ?? createMemoryDisk();
  let nowMs = 1_700_000_000_000;
  const clock = { now: () => (nowMs += 1) };
  const store = options.store ?? createMemoryStore({ tables: [...GRAPH_TABLES, ...MEMORY_TABLES], disk });
  const log = await createLog({ store, reactor: idleReactor, clock, logger: silentLogger });
  const writer = createStateWriter({
    log,
    newId,
    gate: options.gate ?? (async (intended) => intended),
    expandGraph: createExpandGraph({ records: log.records, clock }),
  });
  const isAgent = options.isAgent ?? (async () => false);
  const service = createMemoryService({
    log,
    writer,
    newId,
    clock,
    logger: silentLogger,
    isAgent,
    semantic: options.semantic ?? { search: async () => undefined },
    accessed: options.accessed ?? 'off',
    sleep: async () => undefined,
  });
  await service.start();
  const documents = createDocuments({ records: log.records, clock, isAgent });

  const rowsOf = async (table: string): Promise<readonly Row[]> => {
    const rows: Row[] = [];
    for (;;) {
      const after = rows.at(-1)?.id;
      const page = await log.records.list(table, { limit: 1_000, ...(after === undefined ? {} : { after }) });
      rows.push(...page);
      if (page.length < 1_000) return rows;
    }
  };

  return {
    disk,
    log,
    writer,
    service,
    documents,
    clock,
    advance: (ms: number) => {
      nowMs += ms;
    },
    rowsOf,
    in: <T>(world: string, work: () => Promise<T>, more: Partial<Origin> = {}): Promise<T> =>
      withOrigin(originIn(world, more), work),
    /** Every event so far, as `type subject`. */
    told: async (): Promise<readonly string[]> => {
      const told: string[] = [];
      for await (const item of log.replay({ after: 0 }))
        if (item.kind === 'event') told.push(`${item.event.type} ${item.event.subject ?? ''}`);
      return told;
    },
    events: async () => {
      const all = [];
      for await (const item of log.replay({ after: 0 })) if (item.kind === 'event') all.push(item.event);
      return all;
    },
    /** `from -kind-> to`, sorted. */
    edges: async (world = 'default'): Promise<readonly string[]> =>
      (await rowsOf(EDGE_TABLE.name))
        .filter((row) => row['world'] === world)
        .map(({ from, kind, to }) => `${text(from)} -${text(kind)}-> ${text(to)}`)
        .toSorted(),
    nodes: async (world = 'default'): Promise<readonly string[]> =>
      (await rowsOf(NODE_TABLE.name))
        .filter((row) => row['world'] === world)
        .map(({ node }) => text(node))
        .toSorted(),
    async [Symbol.asyncDispose]() {
      await service.close();
      await log.close();
    },
  };
};

export type OpenMemories = Awaited<ReturnType<typeof openMemories>>;
