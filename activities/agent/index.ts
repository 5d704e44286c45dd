/** The actions of agents: requests to servers, messages to connections, and scripts, each as one attempt with one outcome. */
export { createAgentExecutor } from './executor.ts';
export type { AgentAnswer, AgentCall, AgentConnections } from './connections.ts';
