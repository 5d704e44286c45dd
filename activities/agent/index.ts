/** The actions of agents: requests to their servers, and scripts, each as one attempt with one outcome. */
export { createAgentExecutor } from './executor.ts';
