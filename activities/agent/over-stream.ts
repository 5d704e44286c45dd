import type { ActionOutcome } from '../../src/dispatch/outcome.ts';
import type { ActionAttempt } from './action-attempt.ts';
import type { AgentConnections } from './connections.ts';
import { outcomeOfOutputs } from './outputs.ts';

/**
 * Has a connected agent do it. That nobody is connected, or that a connection is lost, may pass; what the agent answers
 * is final, unless it says otherwise.
 */
export const overStream = async (
  { context, agent, action, request, timeoutMs }: ActionAttempt,
  connections: AgentConnections,
): Promise<ActionOutcome> => {
  const { world, id: causationId } = context.event;
  const answer = await connections.call(
    { world, agentId: agent.agent },
    {
      runId: context.run.id,
      message: { ...request, world, causation_id: causationId },
      timeoutMs,
      signal: context.signal,
    },
  );
  switch (answer.kind) {
    case 'outputs':
      return outcomeOfOutputs(answer.outputs, action, {});
    case 'error':
      return {
        kind: answer.retry ? 'retryable' : 'failed',
        code: 'agent_error',
        message: answer.message,
        detail: {},
      };
    case 'none': {
      const { code, message, ours } = answer;
      return { kind: 'retryable', code, message, ...(ours && { ours }), detail: {} };
    }
  }
};
