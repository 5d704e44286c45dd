import type { AgentConnections } from '../../activities/agent/index.ts';
import { createHookExecutor } from '../../activities/actions/index.ts';
import { createHookService } from '../../hooks/registry/service.ts';
import { createPolicies, type Policies } from '../dispatch/policies.ts';
import type { AgentServices } from '../agents/agent.ts';
import type { BuildEvent } from '../dispatch/terminal-event.ts';
import type { TargetReactor } from '../dispatch/reactor.ts';
import { createExplanations, type Explanations } from '../dispatch/explain.ts';
import { createRunService } from '../dispatch/runs.ts';
import type { RunService } from '../dispatch/run-service.ts';
import type { WatchedFiles } from '../files/service.ts';
import type { GraphService } from '../graph/graph.ts';
import { createEgress } from '../egress/create.ts';
import type { Egress } from '../egress/egress.ts';
import { catalogue } from '../events/catalogue.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import { compileSchema } from '../agents/json-schema.ts';
import { createCustomTypes } from '../events/custom-types.ts';
import { createCustomTypeService, loadCustomTypes, type CustomTypeService } from '../log/custom-types.ts';
import { createEventService, type EventService } from '../log/event-service.ts';
import type { Log } from '../log/log.ts';
import type { MemoryService } from '../memory/memory.ts';
import { createSandbox } from '../sandbox/create.ts';
import { createDeliveryExecutor } from '../webhooks/delivery.ts';
import { createSecretBox } from '../webhooks/secret-box.ts';
import { createWebhookService } from '../webhooks/service.ts';
import type { WebhookService } from '../webhooks/webhook.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import { loadEncryptionKey } from './encryption-key.ts';
import { agentExecutor, openAgents } from './open-agents.ts';
import { openFiles } from './open-files.ts';
import { openGraph } from './open-graph.ts';
import { openEmbeddings } from './open-embeddings.ts';
import { openMemory } from './open-memory.ts';
import { openState } from './open-state.ts';
import { pathsOf } from './paths.ts';
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

/** The services over the log, the way out (egress) and the sandbox that they use, and the executors of runs. */
export const openServices = async (
  deps: CrucibleDeps,
  {
    log,
    targets,
    buildEvent,
    connections,
  }: {
    readonly log: Log;
    readonly targets: TargetReactor['targets'];
    readonly buildEvent: BuildEvent;
    readonly connections: AgentConnections;
  },
  closers: Closers,
): Promise<OpenServices> => {
  const { config, version } = deps;
  const logger = (component: string) => deps.logger.child({ component });
  const box = createSecretBox(loadEncryptionKey(config.encryptionKey, pathsOf(config.dataDir).encryptionKey));
  const egress = createEgress({ policy: config.egress, logger: logger('egress') });
  closers.add(() => egress.close());
  const sandbox = createSandbox({ logger: logger('sandbox') });
  closers.add(() => sandbox.close());

  const writer = openState(log);
  const custom = createCustomTypes(compileSchema);
  await loadCustomTypes(log.records, custom, logger('events'));
  const events = createEventService({ log, catalogue, custom, newId });
  const policies = createPolicies(log.records, {
    hook: createHookExecutor({
      egress,
      sandbox,
      targetOf: (id) => targets().get(id),
      readSecret: deps.readSecret,
      environment: deps.environment,
      hookDirs: config.hookDirs,
      emit: (input, options) => events.publish([input], options),
      clock,
      version,
    }),
    webhook: createDeliveryExecutor({ log, egress, box, newId, clock, version, logger: logger('webhooks') }),
    agent: agentExecutor(deps, { egress, sandbox, targets, connections }),
  });
  const { embeddings } = config;
  const semantic = await openEmbeddings(
    { embeddings, log, egress, buildEvent, logger: deps.logger },
    closers,
  );
  const { memory, documents } = openMemory(
    { log, writer, semantic, logger: logger('memory'), accessed: config.memoryAccessed },
    closers,
  );
  const runs = createRunService({ log, policies, buildEvent, clock });
  return {
    ...openAgents({ log, writer, egress, sandbox, runs, logger: logger('agents') }, closers),
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
