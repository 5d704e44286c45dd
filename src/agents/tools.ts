import type { Clock } from '../kernel/clock.ts';
import { CrucibleError } from '../kernel/errors.ts';
import type { Log } from '../log/log.ts';
import type { StateWriter } from '../state/writer.ts';
import type { ToolService } from './agent.ts';
import { agentNodeId, rowIdOf } from './ids.ts';
import { issuesBelow } from './issues.ts';
import { checkOf } from '../events/schema-check.ts';
import { schemaIssues } from './judge.ts';
import {
  AGENT_TABLE,
  asRow,
  asTool,
  findAgent,
  listBelow,
  revise,
  TOOL_TABLE,
  toolView,
  type ToolRow,
} from './rows.ts';
import { answered, currentWorld, intendedPayload, namedTaken } from './write.ts';

/** They go with their agent in one commit. */
export const MAX_TOOLS = 250;

/** The tools that agents make for themselves, and the uses of them that agents tell of. */
export const createToolService = ({
  log,
  writer,
  clock,
}: {
  readonly log: Log;
  readonly writer: StateWriter;
  readonly clock: Clock;
}): ToolService => {
  const { records } = log;

  const findTool = async (world: string, agent: string, tool: string): Promise<ToolRow> => {
    await findAgent(records, world, agent);
    const row = await records.get(TOOL_TABLE.name, rowIdOf(world, agent, tool));
    if (row !== undefined) return asTool(row);
    throw new CrucibleError('not_found', `The agent ${agent} has no tool ${JSON.stringify(tool)}.`);
  };

  return {
    create: async (agent, { name, description, parameters }, options = {}) => {
      const world = currentWorld();
      const issues = schemaIssues('parameters', parameters);
      if (issues.length > 0) throw new CrucibleError('invalid', 'The tool is not valid.', { issues });
      const written = await namedTaken(
        writer.write(
          async (intended) => {
            const told = intendedPayload(intended, 'agent.tool_created');
            const owner = await findAgent(records, world, agent);
            if (owner.tools >= MAX_TOOLS)
              throw new CrucibleError(
                'conflict',
                `The agent ${agent} has ${MAX_TOOLS} tools, which is the most.`,
              );
            const row: ToolRow = {
              id: rowIdOf(world, agent, name),
              tool: name,
              description: told.description ?? null,
              parameters: told.parameters ?? null,
              created_at: clock.now(),
            };
            return {
              change: {
                events: intended,
                mutations: [
                  { op: 'create', table: TOOL_TABLE.name, row: asRow(row) },
                  revise(AGENT_TABLE, owner, { tools: owner.tools + 1 }),
                ],
              },
              answer: { tool: asRow(row) },
            };
          },
          {
            ...options,
            intended: [
              {
                type: 'agent.tool_created',
                payload: {
                  agent_id: agent,
                  tool: name,
                  ...(description !== undefined && { description }),
                  ...(parameters !== undefined && { parameters }),
                },
                subject: agentNodeId(agent),
              },
            ],
          },
        ),
        `The agent ${agent} has a tool ${JSON.stringify(name)} already.`,
      );
      return toolView(asTool(answered(written.answer, 'tool')));
    },

    list: async (world, agent, page) => {
      await findAgent(records, world, agent);
      const rows = await listBelow<ToolRow>(records, TOOL_TABLE, [world, agent], page);
      await log.settled();
      return rows.map(toolView);
    },

    use: async (agent, tool, { inputs, outputs, duration_ms, success, error }, options = {}) => {
      const world = currentWorld();
      const written = await writer.write(
        async (intended) => {
          const told = intendedPayload(intended, 'agent.tool_used');
          const { parameters } = await findTool(world, agent, tool);
          const issues = checkOf(parameters)(told.inputs ?? {});
          if (issues.length > 0)
            throw new CrucibleError('invalid', `The inputs do not fit the parameters of ${tool}.`, {
              issues: issuesBelow('inputs', issues),
            });
          return { change: { events: intended, mutations: [] } };
        },
        {
          ...options,
          intended: [
            {
              type: 'agent.tool_used',
              payload: {
                agent_id: agent,
                tool,
                ...(inputs !== undefined && { inputs }),
                ...(outputs !== undefined && { outputs }),
                duration_ms,
                success,
                ...(error !== undefined && { error: { ...error } }),
              },
              subject: agentNodeId(agent),
            },
          ],
        },
      );
      const [event] = written.events;
      if (event === undefined) throw new CrucibleError('internal', 'the use of a tool was not told');
      return { id: event.id };
    },
  };
};
