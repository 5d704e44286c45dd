import { sleep } from '@temporalio/workflow';
import { runAttempts } from '../../workflows/attempts.ts';
import type { RunInput, RunResult } from '../../workflows/protocol.ts';

/** A hook workflow with a change that breaks running ones: it must be caught by replay (`replay.test.ts`). */
export async function hook(input: RunInput): Promise<RunResult> {
  await sleep(1_000);
  return runAttempts(input);
}

/** Unchanged. */
export async function delivery(input: RunInput): Promise<RunResult> {
  return runAttempts(input);
}

export { action } from '../../workflows/action.ts';
export { drain } from '../../workflows/drain.ts';
