import { isPermitted, type Principal } from '../access/principal.ts';
import type { AgentLine, ConnectedAgents, Seat } from './connected-agents.ts';

/** Whether these credentials speak for an agent and may execute its actions. */
export const takesActions = (principal: Principal): boolean =>
  principal.source.kind === 'agent' && isPermitted(principal, 'agent:execute', principal.source.agent_id);

/**
 * The seat of a connection whose credentials speak for an agent and may execute its actions; undefined: it takes none.
 */
export const takeSeat = (
  agents: ConnectedAgents,
  { principal, ...line }: Omit<AgentLine, 'agentId'> & { readonly principal: Principal },
): Seat | undefined => {
  const { source } = principal;
  if (source.kind !== 'agent' || !takesActions(principal)) return undefined;
  return agents.join({ ...line, agentId: source.agent_id });
};
