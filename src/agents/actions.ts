import { CrucibleError } from '../kernel/errors.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import type { Log } from '../log/log.ts';
import type { Attempt, Run } from '../dispatch/run.ts';
import type { StateWriter } from '../state/writer.ts';
import type { ActionResult, ActionService } from './agent.ts';
import { agentNodeId, targetIdOf } from './ids.ts';
import { issuesBelow } from './issues.ts';
import { checkOf } from '../events/schema-check.ts';
import { findAgent, type AgentRow } from './rows.ts';
import { hasEnded, type RunWatch } from './run-watch.ts';
import { currentWorld, intendedPayload } from './write.ts';

/** What an attempt has come to. */
type Ended = Pick<Attempt, 'generation' | 'error' | 'detail'>;

/** What is asked of the ledger; the service of runs has it. */
export interface RunReads {
  get(id: string): Promise<{ readonly run: Run; readonly attempts: readonly Ended[] }>;
  ofEvent(eventPosition: number): Promise<readonly Run[]>;
}

/** @throws CrucibleError `invalid`: it has no such action, or the inputs do not fit */
const assertFits = (agent: AgentRow, name: string, inputs: JsonObject): void => {
  const action = agent.actions.find((offered) => offered.name === name);
  if (action === undefined) {
    const offered = agent.actions.map((each) => each.name).join(', ');
    const message = `The agent ${agent.agent} has no action ${JSON.stringify(name)}.`;
    throw new CrucibleError('invalid', message, {
      hint: offered === '' ? 'It has none at all.' : `It has ${offered}.`,
      issues: [{ path: 'action', message }],
    });
  }
  const issues = issuesBelow('inputs', checkOf(action.inputs)(inputs));
  if (issues.length > 0)
    throw new CrucibleError('invalid', `The inputs do not fit the action ${name}.`, { issues });
};

const errorOf = ({ state, reason, error }: Run, last: Ended | undefined): ActionResult['error'] => {
  if (state === 'succeeded') return null;
  if (last !== undefined && last.error !== null) return last.error;
  const code = reason ?? state;
  return { code, message: error ?? `The run was ${state}${reason === null ? '' : `: ${reason}`}.` };
};

const outputsOf = ({ state }: Run, last: Ended | undefined): JsonValue =>
  (state === 'succeeded' ? last?.detail['output'] : null) ?? null;

/** Has agents do things. Each time is a run: `docs/adr/0008-actions-are-runs.md`. */
export const createActionService = ({
  log,
  writer,
  runs,
  watch,
}: {
  readonly log: Log;
  readonly writer: StateWriter;
  readonly runs: RunReads;
  readonly watch: RunWatch;
}): ActionService => {
  const runOf = async (position: number, target: string): Promise<Run> => {
    const run = (await runs.ofEvent(position)).find((found) => found.target === target);
    if (run !== undefined) return run;
    throw new CrucibleError('conflict', 'The agent was unregistered while it was asked.');
  };

  const resultOf = async (runId: string, eventId: string): Promise<ActionResult> => {
    const { run, attempts } = await runs.get(runId);
    const shared = { run_id: run.id, event_id: eventId, state: run.state };
    if (!hasEnded(run)) return { ...shared, ended: false, outputs: null, error: null };
    const last = attempts.findLast(({ generation }) => generation === run.generation);
    return { ...shared, ended: true, outputs: outputsOf(run, last), error: errorOf(run, last) };
  };

  return {
    execute: async (id, { action, inputs }, { waitMs, ...options }) => {
      const world = currentWorld();
      const written = await writer.write(
        async (intended) => {
          const told = intendedPayload(intended, 'agent.action_requested');
          assertFits(await findAgent(log.records, world, id), told.action, told.inputs);
          return { change: { events: intended, mutations: [] } };
        },
        {
          ...options,
          intended: [
            {
              type: 'agent.action_requested',
              payload: { agent_id: id, action, inputs },
              subject: agentNodeId(id),
            },
          ],
        },
      );
      const [event] = written.events;
      if (event === undefined) throw new CrucibleError('internal', 'a request for an action was not told');
      const run = await runOf(event.position, targetIdOf(world, id));
      await watch.untilEnded(run.id, waitMs, async () => hasEnded((await runs.get(run.id)).run));
      return resultOf(run.id, event.id);
    },
  };
};
