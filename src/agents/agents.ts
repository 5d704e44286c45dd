import type { Clock } from '../kernel/clock.ts';
import type { JsonObject } from '../kernel/json.ts';
import type { Log } from '../log/log.ts';
import type { Mutation } from '../log/records.ts';
import { DEFINITION_TABLE } from '../dispatch/run.ts';
import type { TargetChange } from '../dispatch/target.ts';
import type { StateWriter } from '../state/writer.ts';
import type { AgentService, AgentView } from './agent.ts';
import { agentIdOf, agentNodeId, rowIdOf, targetIdOf } from './ids.ts';
import { judgeAgent, type JudgeDeps } from './judge.ts';
import { leavingAll } from './membership.ts';
import {
  AGENT_TABLE,
  agentView,
  asRow,
  definitionOf,
  findAgent,
  hashOf,
  listBelow,
  revise,
  targetOf,
  TOOL_TABLE,
  type AgentRow,
  type ToolRow,
} from './rows.ts';
import { MAX_TOOLS } from './tools.ts';
import { answered, currentWorld, intendedPayload, namedTaken } from './write.ts';

export interface AgentServiceDeps extends JudgeDeps {
  readonly log: Log;
  readonly writer: StateWriter;
  readonly clock: Clock;
}

/**
 * Agents by their world.
 *
 * Guarantee: a change is one commit: row, definition, graph node, events, and what is matched. So an agent that was
 * answered with its id takes the very next request, and one that was unregistered takes none after that.
 */
export const createAgentService = (deps: AgentServiceDeps): AgentService => {
  const { log, writer, clock } = deps;
  const { records } = log;

  return {
    register: async (input, options = {}) => {
      const world = currentWorld();
      const id = agentIdOf(input.name);
      await judgeAgent(input, id, deps);
      const taken = `There is an agent ${JSON.stringify(id)} in this world already.`;
      const written = await namedTaken(
        writer.write(
          async (intended) => {
            const told = intendedPayload(intended, 'agent.registered');
            const definition = { agent: id, world, actions: input.actions, name: told.name };
            const version = told.version ?? input.version;
            const row: AgentRow = {
              id: rowIdOf(world, id),
              ...definition,
              version,
              capabilities: told.capabilities ?? [],
              metadata: told.metadata ?? {},
              rooms: [],
              tools: 0,
              definition: hashOf({ ...definition, version }),
              revision: 1,
              created_at: clock.now(),
            };
            const registration: TargetChange = { kind: 'target_set', target: targetOf(row) };
            return {
              change: {
                events: intended,
                mutations: [
                  { op: 'create', table: AGENT_TABLE.name, row: asRow(row) },
                  {
                    op: 'put',
                    table: DEFINITION_TABLE.name,
                    row: { id: row.definition, kind: 'agent', definition: definitionOf(row) },
                  },
                ],
                graph: [{ op: 'add_node', node: { id: agentNodeId(id), kind: 'agent', label: row.name } }],
                registry: [registration],
              },
              answer: { agent: agentView(row) as unknown as JsonObject },
            };
          },
          {
            ...options,
            intended: [
              {
                type: 'agent.registered',
                payload: {
                  agent_id: id,
                  name: input.name,
                  version: input.version,
                  capabilities: [...input.capabilities],
                  actions: input.actions.map((action): JsonObject => ({ ...action })),
                  metadata: input.metadata,
                },
                subject: agentNodeId(id),
              },
            ],
          },
        ),
        taken,
      );
      return answered(written.answer, 'agent') as unknown as AgentView;
    },

    get: async (world, id) => {
      const row = await findAgent(records, world, id);
      await log.settled();
      return agentView(row);
    },

    list: async (world, page) => {
      const rows = await listBelow<AgentRow>(records, AGENT_TABLE, [world], page);
      await log.settled();
      return rows.map(agentView);
    },

    unregister: async (id, { reason } = {}) => {
      const world = currentWorld();
      await writer.write(
        async (intended) => {
          const row = await findAgent(records, world, id);
          const left = await leavingAll(records, row, 'unregistered');
          const tools = await listBelow<ToolRow>(records, TOOL_TABLE, [world, id], { limit: MAX_TOOLS });
          const removals = tools.map((tool): Mutation => {
            return { op: 'remove', table: TOOL_TABLE.name, id: tool.id };
          });
          const removal: TargetChange = { kind: 'target_removed', id: targetIdOf(world, id) };
          return {
            change: {
              events: [...left.events, ...intended],
              mutations: [
                ...left.mutations,
                ...removals,
                revise(AGENT_TABLE, row, {}),
                { op: 'remove', table: AGENT_TABLE.name, id: row.id },
              ],
              graph: [{ op: 'remove_node', id: agentNodeId(id) }],
              registry: [removal],
            },
          };
        },
        {
          intended: [
            {
              type: 'agent.unregistered',
              payload: { agent_id: id, ...(reason !== undefined && { reason }) },
              subject: agentNodeId(id),
            },
          ],
        },
      );
    },
  };
};
