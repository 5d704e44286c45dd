import type { AgentConnections } from '../../activities/agent/index.ts';
import { createHookService } from '../../hooks/registry/service.ts';
import type { Policies } from '../dispatch/policies.ts';
import type { AgentServices } from '../agents/agent.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import type { TargetReactor } from '../dispatch/reactor.ts';
import { createExplanations, type Explanations } from '../dispatch/explain.ts';
import { createRunService } from '../dispatch/runs.ts';
import type { RunService } from '../dispatch/run-service.ts';
import type { WatchedFiles } from '../files/service.ts';
import type { GraphService } from '../graph/graph.ts';
import type { Egress } from '../egress/egress.ts';
import { catalogue } from '../events/catalogue.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import { compileSchema } from '../events/schema-check.ts';
import { createCustomTypeService, type CustomTypeService } from '../log/custom-types.ts';
import type { EventService } from '../log/event-service.ts';
import type { Log } from '../log/log.ts';
import type { MemoryService } from '../memory/memory.ts';
import { createWebhookService } from '../webhooks/service.ts';
import type { WebhookService } from '../webhooks/webhook.ts';
import type { StateWriter } from '../state/writer.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import { openAgents } from './open-agents.ts';
import { openExecutors } from './open-executors.ts';
import { openFiles } from './open-files.ts';
import { openGraph } from './open-graph.ts';
import { openEmbeddings } from './open-embeddings.ts';
import { openMemory } from './open-memory.ts';
import { systemOrigin } from './system-origin.ts';

export interface OpenServices extends AgentServices {
  readonly events: EventService;
  readonly files: WatchedFiles;
  readonly graph: GraphService;
  readonly memory: MemoryService;
  readonly hooks: ReturnType<typeof createHookService>;
  readonly webhooks: WebhookService;
  readonly runs: RunService;
  readonly explanations: Explanations;
  readonly customTypes: CustomTypeService;
  /** The guarded way out, for whatever else must fetch. */
  readonly egress: Egress;
  /** What runs do, and by which policy. */
  readonly policies: Policies;
}

/** A log that tells nobody of its commits: for what would act on them. */
const unheard = (log: Log): Log => ({ ...log, onCommit: () => () => undefined });

/** The services over the log, and the executors of runs. */
export const openServices = async (
  deps: CrucibleDeps,
  {
    log,
    writer,
    targets,
    buildEvent,
    connections,
    following = false,
  }: {
    readonly log: Log;
    readonly writer: StateWriter;
    readonly targets: TargetReactor['targets'];
    readonly buildEvent: BuildEvent;
    readonly connections: AgentConnections;
    /**
     * Another process writes: these are read only, and do nothing by themselves. Nothing is searched by meaning.
     * Default false.
     */
    readonly following?: boolean;
  },
  closers: Closers,
): Promise<OpenServices> => {
  const { config } = deps;
  const acting = following ? unheard(log) : log;
  const logger = (component: string) => deps.logger.child({ component });
  const { policies, events, custom, egress, sandbox, box } = await openExecutors(
    deps,
    { log, targetOf: (id) => targets().get(id), connections },
    closers,
  );
  const semantic = await openEmbeddings(
    { embeddings: following ? undefined : config.embeddings, log, egress, buildEvent, logger: deps.logger },
    closers,
  );
  const { memory, documents } = openMemory(
    { log: acting, writer, semantic, logger: logger('memory'), accessed: config.memoryAccessed },
    closers,
  );
  const runs = createRunService({ log, policies, buildEvent, clock });
  return {
    ...openAgents(
      { log: acting, writer, egress, sandbox, runs, logger: logger('agents'), following, stop: deps.stop },
      closers,
    ),
    events,
    files: openFiles(deps, { log, writer, documents }, closers),
    egress,
    policies,
    memory,
    graph: openGraph({ log, writer }, closers),
    hooks: createHookService({
      log,
      catalogue,
      sandbox,
      egress,
      clock,
      newId,
      systemOrigin: () => systemOrigin('hooks', newId),
      directory: config.hookDirs[0] ?? config.dataDir,
    }),
    webhooks: createWebhookService({ log, egress, box, newId, clock }),
    runs,
    explanations: createExplanations({ targets, runs }),
    customTypes: createCustomTypeService({ log, types: custom, compile: compileSchema, clock, newId }),
  };
};
