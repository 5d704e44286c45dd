import type { RunInput, RunResult } from './protocol.ts';
import { runAttempts } from './attempts.ts';

/** One delivery of an event to a webhook. Workflow id: `webhook:<whk id>:<event_id>[:g<generation>]`. */
export async function delivery(input: RunInput): Promise<RunResult> {
  return runAttempts(input);
}
