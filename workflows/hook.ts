import type { RunInput, RunResult } from './protocol.ts';
import { runAttempts } from './attempts.ts';

/** One run of a post hook. Workflow id: `hook:<name>:<event_id>[:g<generation>]`. */
export async function hook(input: RunInput): Promise<RunResult> {
  return runAttempts(input);
}
