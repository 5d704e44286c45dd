import { createHookExecutor } from '../../activities/actions/index.ts';
import type { AgentConnections } from '../../activities/agent/index.ts';
import { compileSchema } from '../events/schema-check.ts';
import { createPolicies, type Policies } from '../dispatch/policies.ts';
import type { Target } from '../dispatch/target.ts';
import { createEgress } from '../egress/create.ts';
import type { Egress } from '../egress/egress.ts';
import { catalogue } from '../events/catalogue.ts';
import { createCustomTypes, type CustomTypes } from '../events/custom-types.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import { followCustomTypes, loadCustomTypes } from '../log/custom-types.ts';
import { createEventService, type EventService } from '../log/event-service.ts';
import type { Log } from '../log/log.ts';
import { createSandbox } from '../sandbox/create.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { createDeliveryExecutor } from '../webhooks/delivery.ts';
import { assertOpens } from '../webhooks/opens.ts';
import { createSecretBox, type SecretBox } from '../webhooks/secret-box.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';
import { loadEncryptionKey } from './encryption-key.ts';
import { agentExecutor } from './open-agents.ts';
import { pathsOf } from './paths.ts';

export interface Executing {
  /** What runs do, and by which policy. */
  readonly policies: Policies;
  readonly events: EventService;
  readonly custom: CustomTypes;
  /** The guarded way out, for whatever else must fetch. */
  readonly egress: Egress;
  readonly sandbox: Sandbox;
  readonly box: SecretBox;
}

/** The executors of runs with what they act through, in the process that writes and in any worker. */
export const openExecutors = async (
  deps: Omit<CrucibleDeps, 'onFatal'>,
  {
    log,
    targetOf,
    connections,
    matchedElsewhere = false,
  }: {
    readonly log: Log;
    /** A hook or an agent as it is registered now; undefined: it is not any more. */
    readonly targetOf: (id: string) => Pick<Target, 'id' | 'enabled'> | undefined;
    readonly connections: AgentConnections;
    /** Whether another process writes, and matches. */
    readonly matchedElsewhere?: boolean;
  },
  closers: Closers,
): Promise<Executing> => {
  const { config, version } = deps;
  const logger = (component: string) => deps.logger.child({ component });
  const box = createSecretBox(loadEncryptionKey(config.encryptionKey, pathsOf(config.dataDir).encryptionKey));
  await assertOpens(log.records, box);
  const egress = createEgress({ policy: config.egress, logger: logger('egress') });
  closers.add(() => egress.close());
  const sandbox = createSandbox({ logger: logger('sandbox') });
  closers.add(() => sandbox.close());

  const custom = createCustomTypes(compileSchema);
  followCustomTypes(log, custom);
  await loadCustomTypes(log.records, custom, logger('events'));
  const events = createEventService({ log, catalogue, custom, newId });
  const policies = createPolicies(log.records, {
    hook: createHookExecutor({
      egress,
      sandbox,
      targetOf,
      readSecret: deps.readSecret,
      environment: deps.environment,
      hookDirs: config.hookDirs,
      emit: (input, options) => events.publish([input], options),
      clock,
      version,
    }),
    webhook: createDeliveryExecutor({
      log,
      egress,
      box,
      newId,
      clock,
      version,
      logger: logger('webhooks'),
      matchedElsewhere,
    }),
    agent: agentExecutor(deps, { egress, sandbox, targetOf, connections }),
  });
  return { policies, events, custom, egress, sandbox, box };
};
