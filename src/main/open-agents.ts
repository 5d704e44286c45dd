import { createAgentExecutor, type AgentConnections } from '../../activities/agent/index.ts';
import type { AgentServices } from '../agents/agent.ts';
import { createActionService, type RunReads } from '../agents/actions.ts';
import { createAgentService } from '../agents/agents.ts';
import { createMessageService } from '../agents/messages.ts';
import { createRoomService } from '../agents/rooms.ts';
import { createRunWatch } from '../agents/run-watch.ts';
import { createToolService } from '../agents/tools.ts';
import { createWorldService } from '../agents/worlds.ts';
import type { Executor } from '../dispatch/outcome.ts';
import type { Target } from '../dispatch/target.ts';
import type { Egress } from '../egress/egress.ts';
import { FILE_TABLE } from '../files/row.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { newId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Log } from '../log/log.ts';
import { CARD_TABLE } from '../memory/tables.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { StateWriter } from '../state/writer.ts';
import type { Closers } from './closers.ts';
import type { CrucibleDeps } from './deps.ts';

/** What the actions of agents do. */
export const agentExecutor = (
  { readSecret, version }: Pick<CrucibleDeps, 'readSecret' | 'version'>,
  {
    egress,
    sandbox,
    targetOf,
    connections,
  }: {
    readonly egress: Egress;
    readonly sandbox: Sandbox;
    readonly targetOf: (id: string) => Pick<Target, 'id'> | undefined;
    readonly connections: AgentConnections;
  },
): Executor =>
  createAgentExecutor({
    egress,
    sandbox,
    connections,
    clock,
    version,
    readSecret,
    targetOf,
  });

/** What of other services lies in a world, and by which index that is seen. */
const CONTENTS = [
  { what: 'memories', table: CARD_TABLE.name, index: 'memory_card_world' },
  { what: 'files', table: FILE_TABLE.name, index: 'file_place' },
] as const;

const holdsOf =
  ({ records }: Pick<Log, 'records'>) =>
  async (world: string): Promise<readonly string[]> => {
    const found = await Promise.all(
      CONTENTS.map(async ({ what, table, index }) => {
        const rows = await records.byIndex({ table, index, equals: [world], limit: 1 });
        return rows.length === 0 ? [] : [what];
      }),
    );
    return found.flat();
  };

/** Agents with what they do, say and make, and the rooms and worlds that they are in. */
export const openAgents = (
  deps: {
    readonly log: Log;
    readonly writer: StateWriter;
    readonly egress: Egress;
    readonly sandbox: Sandbox;
    readonly runs: RunReads;
    readonly logger: Logger;
    /** Another process writes, and notes the worlds that are written to. */
    readonly following?: boolean;
    /** Aborted when this process is asked to stop. */
    readonly stop?: AbortSignal | undefined;
  },
  closers: Closers,
): AgentServices => {
  const { log, writer, egress, sandbox, runs, logger, stop } = deps;
  const shared = { log, writer, clock };
  const worlds = createWorldService({ ...shared, holds: holdsOf(log), logger });
  const looked = deps.following ? undefined : worlds.start();
  closers.add(async () => {
    await looked;
    await worlds.stop();
  });
  return {
    agents: createAgentService({ ...shared, egress, sandbox }),
    actions: createActionService({ log, writer, runs, watch: createRunWatch(log, stop) }),
    messages: createMessageService({ log, writer, newId }),
    rooms: createRoomService(shared),
    tools: createToolService(shared),
    worlds,
  };
};
