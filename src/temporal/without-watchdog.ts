/**
 * A preload of the threads that workflow code runs in (`workflow-threads.ts`): no watchdog around calls into its VM.
 *
 * The SDK calls workflow code with a `timeout`, for which Node starts and ends a watchdog thread on every call: 114 µs
 * instead of 1.3 µs, 20 to 30 times a workflow. It guards against endless loops in workflow code, and all of that is ours
 * (`workflows/`), short, and replayed in the tests. `CRUCIBLE_WORKFLOW_WATCHDOG=on` leaves the watchdog in place.
 *
 * Only `Script.runInContext` is changed: hooks' scripts run in processes of their own, which do not load this file.
 */
import { Script, type Context } from 'node:vm';

const runInContext = Script.prototype.runInContext;

Script.prototype.runInContext = function (
  this: Script,
  context: Context,
  options?: Parameters<Script['runInContext']>[1],
) {
  if (typeof options !== 'object' || options.timeout === undefined)
    return runInContext.call(this, context, options);
  const { timeout: _, ...others } = options;
  return runInContext.call(this, context, others);
};
