/** The real services over the log, wired as in the product; of runs only their rows are there, nothing executes them. */
import { AGENT_TABLES } from '../../src/agents/rows.ts';
import { loadTargets } from '../../src/agents/targets.ts';
import { createPolicies } from '../../src/dispatch/policies.ts';
import { createTargetReactor } from '../../src/dispatch/reactor.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE } from '../../src/dispatch/run.ts';
import { createRunService } from '../../src/dispatch/runs.ts';
import { createEgress } from '../../src/egress/create.ts';
import { catalogue } from '../../src/events/catalogue.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import { createFiles } from '../../src/files/service.ts';
import { FILES_TABLES, type RootPlace } from '../../src/files/row.ts';
import { EDGE_TABLE, GRAPH_TABLES, NODE_TABLE, type EdgeRow, type NodeRow } from '../../src/graph/tables.ts';
import { createGraphView } from '../../src/graph/view.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { newId } from '../../src/kernel/ids.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { createLog } from '../../src/log/create-log.ts';
import type { TableDefinition } from '../../src/log/records.ts';
import type { LogStore } from '../../src/log/store.ts';
import { createClosers } from '../../src/main/closers.ts';
import { openAgents } from '../../src/main/open-agents.ts';
import { openGraph } from '../../src/main/open-graph.ts';
import { openMemory } from '../../src/main/open-memory.ts';
import { openState } from '../../src/main/open-state.ts';
import { systemOrigin } from '../../src/main/system-origin.ts';
import { MEMORY_TABLES, WORK_TABLE } from '../../src/memory/tables.ts';
import { createSandbox } from '../../src/sandbox/create.ts';
import { rowsOf, storedState } from './stored.ts';
import { edgeKey, keyOf, type State } from './state.ts';

const BARRIER_TABLE: TableDefinition = { name: 'barrier', indexes: [] };

export const TABLES: readonly TableDefinition[] = [
  ...AGENT_TABLES,
  ...GRAPH_TABLES,
  ...MEMORY_TABLES,
  ...FILES_TABLES,
  RUN_TABLE,
  ATTEMPT_TABLE,
  DEFINITION_TABLE,
  BARRIER_TABLE,
];

/** Everything that is to agree. */
export interface Snapshot {
  readonly events: readonly CrucibleEvent[];
  readonly stored: State;
  /** What the graph in memory has and the rows have not, and the other way round. */
  readonly viewDiffers: readonly string[];
}

export const openServices = async (store: LogStore, roots: readonly RootPlace[]) => {
  const closers = createClosers(logger);
  closers.add(() => store.close());
  const reactor = createTargetReactor({ clock, newId });
  const log = await createLog({ store, reactor, clock, logger, upcast: catalogue.upcast });
  closers.add(() => log.close());
  reactor.load(await loadTargets(log.records));
  const egress = createEgress({ policy: { allow: ['127.0.0.0/8'], anyPortInAllowed: true }, logger });
  closers.add(() => egress.close());
  const sandbox = createSandbox({ runners: 1, logger });
  closers.add(() => sandbox.close());

  const writer = openState(log);
  const semantic = { search: async () => undefined };
  const { memory, documents } = openMemory({ log, writer, semantic, logger, accessed: 'get' }, closers);
  const runs = createRunService({ log, policies: createPolicies(log.records, {}), clock });
  const agents = openAgents({ log, writer, egress, sandbox, runs, logger }, closers);
  const graph = openGraph({ log, writer }, closers);
  // Follows from the start, as the one that answers questions does once it was asked.
  const view = createGraphView(log);
  closers.add(view.close);
  const files = createFiles({
    roots,
    ignore: [],
    exclude: [],
    records: log.records,
    answered: log.answered,
    writer,
    documents,
    systemOrigin: () => systemOrigin('files', newId),
    newId,
    // An hour ahead: what was written just now is taken for settled, and a look that finds its stamp believes it.
    clock: { now: () => clock.now() + 3_600_000 },
    logger,
    settleMs: 1,
  });
  closers.add(() => files.close());
  await memory.start();
  await view.world('default');

  /** Waits until nothing is left that the services do of their own accord. */
  const quiet = async (): Promise<void> => {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = log.onCommit(() => resolve());
      const work = await rowsOf(log.records, WORK_TABLE.name);
      if (work.length > 0) await promise;
      end();
      if (work.length === 0) break;
    }
    // The log is a line: what was in it before this is written.
    const row = { id: 'barrier', at: log.head() };
    await log.append({ events: [], mutations: [{ op: 'put', table: BARRIER_TABLE.name, row }] });
  };

  const viewDiffers = async (): Promise<readonly string[]> => {
    const rows = new Set<string>();
    const worlds = new Set<string>(['default']);
    for (const { world, node, kind } of (await rowsOf(log.records, NODE_TABLE.name)) as readonly NodeRow[]) {
      rows.add(`${keyOf(world, node)} ${kind}`);
      worlds.add(world);
    }
    for (const row of (await rowsOf(log.records, EDGE_TABLE.name)) as readonly EdgeRow[])
      rows.add(`${edgeKey(row)} ${row.weight}`);
    const seen = new Set<string>();
    for (const world of worlds) {
      for (const { id, kind, out } of (await view.world(world)).nodes.values()) {
        seen.add(`${keyOf(world, id)} ${kind}`);
        for (const { to, kind: says, weight } of out)
          seen.add(`${edgeKey({ world, from: id, to: to.id, kind: says })} ${weight}`);
      }
    }
    return [
      ...[...rows].filter((one) => !seen.has(one)).map((one) => `only in rows: ${one}`),
      ...[...seen].filter((one) => !rows.has(one)).map((one) => `only in memory: ${one}`),
    ];
  };

  return {
    ...agents,
    log,
    memory,
    graph,
    files,
    snapshot: async (): Promise<Snapshot> => {
      await quiet();
      const events: CrucibleEvent[] = [];
      for await (const item of log.replay({ after: 0 })) if (item.kind === 'event') events.push(item.event);
      return { events, stored: await storedState(log.records), viewDiffers: await viewDiffers() };
    },
    close: () => closers.closeAll(),
  };
};

export type Services = Awaited<ReturnType<typeof openServices>>;
