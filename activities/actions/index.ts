/** The actions of hooks: scripts, commands and HTTP requests, each as one attempt with one outcome. */
export { createHookExecutor } from './executor.ts';
