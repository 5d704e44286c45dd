/** The parts that agents need, all of them real, over the memory twin of the store; only the workflow engine is left out. */
import { createAgentExecutor } from '../../activities/agent/index.ts';
import { buildEvent } from '../../src/dispatch/build-event.ts';
import type { AttemptAnswer } from '../../src/dispatch/attempts.ts';
import { createLiveRuns } from '../../src/dispatch/live-runs.ts';
import { createPolicies } from '../../src/dispatch/policies.ts';
import { createTargetReactor } from '../../src/dispatch/reactor.ts';
import { runFrom } from '../../src/dispatch/rows.ts';
import { ATTEMPT_TABLE, DEFINITION_TABLE, RUN_TABLE, type Run } from '../../src/dispatch/run.ts';
import { createRunService } from '../../src/dispatch/runs.ts';
import { createSettle } from '../../src/dispatch/settle.ts';
import { openAttempts } from '../../src/dispatch/testing/open-attempts.ts';
import { createEgress } from '../../src/egress/create.ts';
import type { CrucibleEvent } from '../../src/events/envelope.ts';
import { createExpandGraph } from '../../src/graph/expand.ts';
import { GRAPH_TABLES } from '../../src/graph/tables.ts';
import { withOrigin } from '../../src/kernel/context.ts';
import { newId } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { Origin } from '../../src/kernel/origin.ts';
import { createLog } from '../../src/log/create-log.ts';
import { createMemoryDisk, createMemoryStore, type MemoryDisk } from '../../src/log/memory-store.ts';
import { createSandbox } from '../../src/sandbox/create.ts';
import { createConnectedAgents } from '../../src/stream/connected-agents.ts';
import { createStateWriter } from '../../src/state/writer.ts';
import { createActionService } from '../../src/agents/actions.ts';
import { createAgentService } from '../../src/agents/agents.ts';
import { agentInputSchema } from '../../src/agents/input.ts';
import { createMessageService } from '../../src/agents/messages.ts';
import { createRoomService } from '../../src/agents/rooms.ts';
import { AGENT_TABLES } from '../../src/agents/rows.ts';
import { createRunWatch } from '../../src/agents/run-watch.ts';
import { loadTargets } from '../../src/agents/targets.ts';
import { createToolService } from '../../src/agents/tools.ts';
import { createWorldService } from '../../src/agents/worlds.ts';

const callerIn = (world: string): Origin => ({
  source: { kind: 'user', user_id: 'alice' },
  actor: 'user:alice',
  world,
  correlation_id: 'cor_story',
  causation_id: null,
  depth: 0,
});

/** Open it again on the same `disk` for a restart. */
export const openAgents = async (
  options: {
    readonly disk?: MemoryDisk;
    readonly secrets?: Readonly<Record<string, string>>;
    readonly holds?: (world: string) => Promise<readonly string[]>;
  } = {},
) => {
  const disk = options.disk ?? createMemoryDisk();
  const clock = { now: () => Date.now() };
  const reactor = createTargetReactor({ clock, newId });
  const log = await createLog({
    store: createMemoryStore({
      tables: [...AGENT_TABLES, ...GRAPH_TABLES, RUN_TABLE, ATTEMPT_TABLE, DEFINITION_TABLE],
      disk,
    }),
    reactor,
    clock,
    logger: silentLogger,
  });
  reactor.load(await loadTargets(log.records));
  const egress = createEgress({
    policy: { allow: ['127.0.0.0/8'], anyPortInAllowed: true },
    logger: silentLogger,
  });
  const sandbox = createSandbox({ runners: 1, logger: silentLogger });
  const writer = createStateWriter({
    log,
    newId,
    gate: async (intended) => intended,
    expandGraph: createExpandGraph({ records: log.records, clock }),
  });
  const connections = createConnectedAgents();
  const executor = createAgentExecutor({
    egress,
    sandbox,
    connections,
    clock,
    version: '0.1.0',
    targetOf: (id) => reactor.targets().get(id),
    readSecret: (name) => options.secrets?.[name],
  });
  const policies = createPolicies(log.records, { agent: executor });
  const runs = createRunService({ log, policies, clock });
  const live = createLiveRuns();
  log.onCommit(live.committed);
  const attempt = openAttempts({ log, live, policies, clock });
  const shared = { log, writer, clock };
  const agents = createAgentService({ ...shared, egress, sandbox });
  const worlds = createWorldService({
    ...shared,
    holds: options.holds ?? (async () => []),
    logger: silentLogger,
  });

  return {
    disk,
    log,
    agents,
    connections,
    worlds,
    rooms: createRoomService(shared),
    tools: createToolService(shared),
    messages: createMessageService({ ...shared, newId }),
    actions: createActionService({ ...shared, runs, watch: createRunWatch(log) }),
    settle: createSettle({ log, buildEvent, clock }),
    as: <T>(world: string, work: () => T): T => withOrigin(callerIn(world), work),
    /** Registers in `default` what would come by the API. */
    register: async (input: unknown) =>
      withOrigin(callerIn('default'), () => agents.register(agentInputSchema.parse(input))),
    runOf: async (id: string): Promise<Run> => {
      const row = await log.records.get(RUN_TABLE.name, id);
      if (row === undefined) throw new Error(`there is no run ${id}`);
      return runFrom(row);
    },
    /** One attempt at a run, as its workflow asks for it. */
    attempt: (run: Run, number = 1): Promise<AttemptAnswer> =>
      attempt({
        run_id: run.id,
        generation: run.generation,
        attempt: number,
        temporalRunId: 'temporal',
        signal: new AbortController().signal,
      }),
    events: async (...types: readonly string[]): Promise<readonly CrucibleEvent[]> =>
      (await log.query({ ...(types.length > 0 && { types }), order: 'asc', limit: 1_000 })).data,
    /** Every row and commit, as text: to look for what must not be there. */
    stored: (): string =>
      JSON.stringify([...disk.tables].map(([name, rows]) => [name, [...rows.values()]])) +
      JSON.stringify([...disk.commits.values()]),
    [Symbol.asyncDispose]: async () => {
      await worlds.stop();
      await Promise.all([egress.close(), sandbox.close()]);
      await log.close();
    },
  };
};
