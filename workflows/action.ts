import type { RunInput, RunResult } from './protocol.ts';
import { runAttempts } from './attempts.ts';

/** One action of an agent. Workflow id: `agent:<world>/<id>:<event_id>[:g<generation>]`. */
export async function action(input: RunInput): Promise<RunResult> {
  return runAttempts(input);
}
