/**
 * What the worker's bundle holds: every exported function is a workflow type under its own name. The code in this
 * folder is deterministic: it is executed again from history, by later releases too (docs/develop/workflows.md).
 */
export { hook } from './hook.ts';
export { delivery } from './delivery.ts';
export { action } from './action.ts';
export { drain } from './drain.ts';
