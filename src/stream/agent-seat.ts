import { isPermitted, type Principal } from '../access/principal.ts';
import type { AgentLine, ConnectedAgents, Seat } from './connected-agents.ts';

/**
 * The seat of a connection whose credentials speak for an agent and may execute its actions; undefined: it takes none.
 */
export const takeSeat = (
  agents: ConnectedAgents,
  { principal, ...line }: Omit<AgentLine, 'agentId'> & { readonly principal: Principal },
): Seat | undefined => {
  const { source } = principal;
  if (source.kind !== 'agent' || !isPermitted(principal, 'agent:execute', source.agent_id)) return undefined;
  return agents.join({ ...line, agentId: source.agent_id });
};
