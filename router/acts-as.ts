import { CrucibleError } from '../src/kernel/errors.ts';
import type { Caller } from './context.ts';

/**
 * Whether the caller may speak, join and tell of tools in the name of this agent. Credentials that are bound to an agent
 * may for that one only; others (a person, an integration that runs several agents) for any that they may change.
 * @throws CrucibleError `forbidden`
 */
export const assertActsAs = ({ principal }: Caller, agentId: string): void => {
  const { source } = principal;
  if (source.kind !== 'agent' || source.agent_id === agentId) return;
  throw new CrucibleError(
    'forbidden',
    `These credentials speak for the agent ${source.agent_id}, not for ${agentId}`,
    { hint: 'Use the key of that agent, or one that is bound to none.' },
  );
};
